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

/** Free blocks of one size. */
interface Shelf {
  bytes: number
  blocks: Block[]
  /** When a block was last given back to it, by the count of blocks given back. */
  lastGiven: number
}

/**
 * Memory for float32 values that is used again: new pages cost a training step a fifth of its time. Arrays begin at a
 * cache line, large ones at a huge page. A block is free again when the last of its holders lets it go.
 *
 * What a step does here a hundred times neither adds to a Map nor deletes from one: V8 links each table that a Map has
 * outgrown to the one after it, so that a table in the old generation, once dead, keeps all later ones alive until
 * everything is collected: 5 KB a step.
 */
export class BufferPool {
  private readonly addon: NativeAddon
  private readonly blocks = new Map<ArrayBufferLike, Block>()
  private readonly shelves = new Map<number, Shelf>()
  private givenBack = 0
  private freeBytes = 0
  private usedBytes = 0

  constructor(addon: NativeAddon) {
    this.addon = addon
  }

  /** An array of undefined content with one holder. */
  take(length: number): Float32Array {
    const bytes = Math.max(CACHE_LINE, Math.ceil((length * 4) / CACHE_LINE) * CACHE_LINE)
    const spare = this.shelves.get(bytes)?.blocks.pop() ?? this.larger(bytes)
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
    const shelf = this.shelfOf(block.bytes)
    shelf.blocks.push(block)
    shelf.lastGiven = ++this.givenBack
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

  /** Lets free memory go until no more than this is left: first of the sizes that were not given back for longest. */
  trim(bytes = 0): void {
    for (const shelf of [...this.shelves.values()].sort((a, b) => a.lastGiven - b.lastGiven)) {
      while (shelf.blocks.length > 0 && this.freeBytes > bytes) {
        const block = shelf.blocks.pop() as Block
        this.blocks.delete(block.buffer)
        this.freeBytes -= block.bytes
      }
      if (shelf.blocks.length === 0) this.shelves.delete(shelf.bytes)
    }
  }

  get stats(): { usedBytes: number; freeBytes: number } {
    return { usedBytes: this.usedBytes, freeBytes: this.freeBytes }
  }

  /** For a large array, the smallest free block that is at most twice as large: less memory in all than a new one. */
  private larger(bytes: number): Block | undefined {
    if (bytes < LARGE_BYTES) return undefined
    let best: Shelf | undefined
    for (const shelf of this.shelves.values()) {
      const fits = shelf.bytes > bytes && shelf.bytes <= 2 * bytes && shelf.blocks.length > 0
      if (fits && (best === undefined || shelf.bytes < best.bytes)) best = shelf
    }
    return best?.blocks.pop()
  }

  private shelfOf(bytes: number): Shelf {
    let shelf = this.shelves.get(bytes)
    if (shelf === undefined) {
      shelf = { bytes, blocks: [], lastGiven: 0 }
      this.shelves.set(bytes, shelf)
    }
    return shelf
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
