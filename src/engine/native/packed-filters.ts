import type { BufferPool } from './buffer-pool.ts'

/** One way to pack the filter of one tensor. */
interface Packing {
  /** Tells the ways to pack one filter apart. */
  key: string
  /** Whether the tensor's present values were packed so before. */
  used: boolean
  kept: Float32Array | null
}

/**
 * Filters in the order in which convolutions read them, kept for as long as the tensor they come from lives unchanged:
 * transforming the filters of VGG-16 costs as much as classifying a picture with them. A filter is kept from its second
 * use on: while a network is trained, each is used once.
 */
export class PackedFilters {
  private readonly pool: BufferPool
  /** A tensor whose values change keeps its place: see BufferPool for what a Map that comes and goes costs. */
  private readonly byTensor = new Map<object, Packing[]>()

  constructor(pool: BufferPool) {
    this.pool = pool
  }

  /**
   * Calls `use` with the packed filter.
   * @param key   tells the ways to pack one filter apart
   * @param fill  packs it
   */
  with<Result>(
    dataId: object,
    key: string,
    length: number,
    fill: (packed: Float32Array) => void,
    use: (packed: Float32Array) => Result,
  ): Result {
    const known = this.find(dataId, key)
    if (known?.kept) return use(known.kept)
    const packed = this.pool.take(length)
    let keep = false
    try {
      fill(packed)
      const result = use(packed)
      const packing = known ?? this.add(dataId, key)
      keep = packing.used
      packing.used = true
      if (keep) packing.kept = packed
      return result
    } finally {
      if (!keep) this.pool.letGo(packed)
    }
  }

  /** The tensor's values are changed. */
  outdate(dataId: object): void {
    const packings = this.byTensor.get(dataId)
    if (packings === undefined) return
    for (const packing of packings) {
      if (packing.kept !== null) this.pool.letGo(packing.kept)
      packing.kept = null
      packing.used = false
    }
  }

  /** The tensor is gone. */
  forget(dataId: object): void {
    this.outdate(dataId)
    this.byTensor.delete(dataId)
  }

  private find(dataId: object, key: string): Packing | undefined {
    return this.byTensor.get(dataId)?.find((packing) => packing.key === key)
  }

  private add(dataId: object, key: string): Packing {
    const packing = { key, used: false, kept: null }
    const packings = this.byTensor.get(dataId)
    if (packings === undefined) this.byTensor.set(dataId, [packing])
    else packings.push(packing)
    return packing
  }
}
