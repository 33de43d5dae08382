import type { Image } from './strip.ts'

/** Consecutive rows of 4x4 tiles of one image. */
export interface Chunk {
  image: number
  /** Its first row of tiles. */
  row: number
  rows: number
  /** Number of its first tile within the block. */
  firstTile: number
}

export interface Tiling {
  /** Tiles side by side; an image's last ones may reach over its edge. */
  across: number
  /** Rows of tiles in a block, all but the last block. */
  rowsPerBlock: number
  /** What is computed at a time: tiles of one or more images. */
  blocks: readonly { tiles: number; chunks: readonly Chunk[] }[]
}

/**
 * Tiles that are transformed, multiplied and transformed back together. Their planes lie in the second-level cache
 * (0.6 MB for 32 channels to 32); more of them only help where the filter's planes come from memory.
 */
const BLOCK_TILES = 64

export function tile(images: number, { height, width }: Image): Tiling {
  const across = Math.ceil(width / 4)
  const down = Math.ceil(height / 4)
  const all = images * down
  const rowsPerBlock = Math.min(all, Math.max(1, Math.floor(BLOCK_TILES / across)))
  const blocks: { tiles: number; chunks: Chunk[] }[] = []
  for (let first = 0; first < all; first += rowsPerBlock) {
    const end = Math.min(all, first + rowsPerBlock)
    const chunks: Chunk[] = []
    let at = first
    while (at < end) {
      const row = at % down
      const rows = Math.min(down - row, end - at)
      chunks.push({ image: Math.floor(at / down), row, rows, firstTile: (at - first) * across })
      at += rows
    }
    blocks.push({ tiles: (end - first) * across, chunks })
  }
  return { across, rowsPerBlock, blocks }
}
