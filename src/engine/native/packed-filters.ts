import type { BufferPool } from './buffer-pool.ts'

/**
 * Filters in the order in which convolutions read them, kept for as long as the tensor they come from lives unchanged:
 * transforming the filters of VGG-16 costs as much as classifying a picture with them. A filter is kept from its second
 * use on: while a network is trained, each is used once.
 */
export class PackedFilters {
  private readonly pool: BufferPool
  private readonly byTensor = new Map<object, Map<string, Float32Array | null>>()

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
    const kept = this.byTensor.get(dataId)?.get(key)
    if (kept) return use(kept)
    const packed = this.pool.take(length)
    let keep = false
    try {
      fill(packed)
      const result = use(packed)
      keep = kept === null
      this.remember(dataId, key, keep ? packed : null)
      return result
    } finally {
      if (!keep) this.pool.letGo(packed)
    }
  }

  /** The tensor's values are changed or gone. */
  forget(dataId: object): void {
    const filters = this.byTensor.get(dataId)
    if (filters === undefined) return
    this.byTensor.delete(dataId)
    for (const packed of filters.values()) if (packed !== null) this.pool.letGo(packed)
  }

  private remember(dataId: object, key: string, packed: Float32Array | null): void {
    const filters = this.byTensor.get(dataId)
    if (filters === undefined) this.byTensor.set(dataId, new Map([[key, packed]]))
    else filters.set(key, packed)
  }
}
