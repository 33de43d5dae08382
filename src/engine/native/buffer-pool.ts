import type { NativeAddon } from './addon.ts'

/** Free memory that is kept beyond as much as is in use. */
const SPARE_BYTES = 128 * 2 ** 20
const CACHE_LINE = 64
const LARGE_BYTES = 2 ** 20
const HUGE_PAGE = 2 ** 21

interface Block {
  buffer: ArrayBuffer
  /** Where the array begins in it. */
  offset: number
  bytes: number
  /** Tensors that show a part of it. */
  holders: number
}

/**
 * Memory for float32 values that is used again: new pages cost a training step a fifth of its time. Arrays begin at a
 * cache line, large ones at a huge page. A block is free again when the last of its holders lets it go.
 */
export class BufferPool {
  private readonly addon: NativeAddon
  private readonly blocks = new Map<ArrayBufferLike, Block>()
  /** Free blocks by their size in bytes; a Map keeps the sizes in the order in which they were last given back. */
  private readonly free = new Map<number, Block[]>()
  private freeBytes = 0
  private usedBytes = 0

  constructor(addon: NativeAddon) {
    this.addon = addon
  }

  /** An array of undefined content with one holder. */
  take(length: number): Float32Array {
    const bytes = Math.max(CACHE_LINE, Math.ceil((length * 4) / CACHE_LINE) * CACHE_LINE)
    const spare = this.free.get(bytes)?.pop() ?? this.larger(bytes)
    if (spare !== undefined) this.freeBytes -= spare.bytes
    const block = spare ?? this.allocate(bytes)
    block.holders = 1
    this.usedBytes += block.bytes
    return new Float32Array(block.buffer, block.offset, length)
  }

  /** The same for bytes. */
  takeBytes(length: number): Uint8Array {
    const values = this.take(Math.ceil(length / 4))
    return new Uint8Array(values.buffer, values.byteOffset, length)
  }

  /** One more holder of the memory behind an array; of no effect for memory that is not the pool's. */
  hold(values: ArrayBufferView): void {
    const block = this.blocks.get(values.buffer)
    if (block !== undefined) block.holders++
  }

  /** One holder fewer. */
  letGo(values: ArrayBufferView): void {
    const block = this.blocks.get(values.buffer)
    if (block === undefined || --block.holders > 0) return
    this.usedBytes -= block.bytes
    this.freeBytes += block.bytes
    const alike = this.free.get(block.bytes) ?? []
    // To the end: what was not asked for longest comes first.
    this.free.delete(block.bytes)
    this.free.set(block.bytes, alike)
    alike.push(block)
    if (this.freeBytes > SPARE_BYTES + this.usedBytes) this.trim(SPARE_BYTES + this.usedBytes)
  }

  /** Whether the memory behind an array is the pool's, and may come to hold something else. */
  owns(values: ArrayBufferView): boolean {
    return this.blocks.has(values.buffer)
  }

  /** Whether nobody but one holder sees the memory behind an array: then it may be changed in place. */
  isSole(values: ArrayBufferView): boolean {
    return this.blocks.get(values.buffer)?.holders === 1
  }

  /** Lets free memory go until no more than this is left. */
  trim(bytes = 0): void {
    for (const [size, alike] of this.free) {
      while (alike.length > 0 && this.freeBytes > bytes) {
        const block = alike.pop() as Block
        this.blocks.delete(block.buffer)
        this.freeBytes -= size
      }
      if (alike.length === 0) this.free.delete(size)
    }
  }

  get stats(): { usedBytes: number; freeBytes: number } {
    return { usedBytes: this.usedBytes, freeBytes: this.freeBytes }
  }

  /** For a large array, the smallest free block that is at most twice as large: less memory in all than a new one. */
  private larger(bytes: number): Block | undefined {
    if (bytes < LARGE_BYTES) return undefined
    let best: number | undefined
    for (const [size, alike] of this.free) {
      if (size > bytes && size <= 2 * bytes && alike.length > 0 && (best === undefined || size < best))
        best = size
    }
    return best === undefined ? undefined : this.free.get(best)?.pop()
  }

  private allocate(bytes: number): Block {
    // What lies before the first huge page is address space only: nobody writes to it, so that it gets no memory.
    const alignment = bytes >= 2 * HUGE_PAGE ? HUGE_PAGE : CACHE_LINE
    const buffer = new ArrayBuffer(bytes + alignment)
    const offset = (alignment - (this.addon.address(buffer) % alignment)) % alignment
    if (alignment === HUGE_PAGE) this.addon.hugePages(new Float32Array(buffer, offset, bytes / 4))
    const block = { buffer, offset, bytes, holders: 0 }
    this.blocks.set(buffer, block)
    return block
  }
}
