import type { SimdKernels } from './simd.ts'

/** A matrix in memory: element (r, c) is at address + (r * rowStride + c * columnStride) * 4; one stride is 1. */
export interface Matrix {
  address: number
  rowStride: number
  columnStride: number
}

/**
 * Copies a matrix [rows, columns] into the blocked layout [columns / 4][rows][4], `blockBytes` from one four of
 * columns to the next; further columns, up to a multiple of `unit`, become zeros.
 */
export function pack(
  kernels: SimdKernels,
  heap: Float32Array,
  source: Matrix,
  { rows, columns, unit }: { rows: number; columns: number; unit: 4 | 8 },
  target: number,
  blockBytes: number,
): void {
  const { address, rowStride, columnStride } = source
  const groups = columns >> 2
  let doneRows = rows
  if (columnStride === 1) {
    if (groups > 0) kernels.pack(address, target, rows, groups, rowStride * 4, blockBytes)
  } else {
    doneRows = rows & ~3
    if (groups > 0 && doneRows > 0) {
      kernels.packTransposed(address, target, doneRows >> 2, groups, columnStride * 4, blockBytes)
    }
  }
  const put = (row: number, column: number): void => {
    const value = column < columns ? heap[address / 4 + row * rowStride + column * columnStride] : 0
    heap[(target + (column >> 2) * blockBytes) / 4 + row * 4 + (column & 3)] = value
  }
  // What does not fill a vector, or a square of four by four.
  for (let column = groups * 4; column < multipleOf(unit, columns); column++) {
    for (let row = 0; row < rows; row++) put(row, column)
  }
  for (let row = doneRows; row < rows; row++) {
    for (let column = 0; column < groups * 4; column++) put(row, column)
  }
}

export const multipleOf = (unit: number, value: number): number => Math.ceil(value / unit) * unit

/** Blocks a power of two apart would share a few cache sets: an odd number of cache lines spreads them. */
export const oddLines = (bytes: number): number => (Math.ceil(bytes / 64) | 1) * 64
