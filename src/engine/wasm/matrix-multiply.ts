import type { BackendWasm } from '@tensorflow/tfjs-backend-wasm'
import { floats, scratchRegions } from './memory.ts'
import { type Matrix, multipleOf, oddLines, pack } from './pack.ts'
import { simdKernels } from './simd.ts'

const DEPTH_BLOCK = 256
// A panel of a (128 KiB) and one of b (256 KiB) together stay in a second-level cache of 512 KiB.
const ROW_BLOCK = 128
const COLUMN_BLOCK = 256

/** out = a * b; a: [rows, depth], b: [depth, columns], out: [rows, columns], row after row. Nothing is empty. */
export function multiplyMatrices(
  backend: BackendWasm,
  size: { rows: number; depth: number; columns: number },
  a: Matrix,
  b: Matrix,
  out: number,
): void {
  const { rows, depth, columns } = size
  const kernels = simdKernels(backend)
  const block = Math.min(DEPTH_BLOCK, depth)
  const panelBytes = (lines: number): number => (multipleOf(8, lines) / 4) * oddLines(block * 16)
  const whole = rows % 4 === 0 && columns % 8 === 0
  const outWidth = multipleOf(8, columns)
  const [aPanel, bPanel, outPanel] = scratchRegions(backend, [
    panelBytes(Math.min(ROW_BLOCK, rows)),
    panelBytes(Math.min(COLUMN_BLOCK, columns)),
    whole ? 0 : multipleOf(4, rows) * outWidth * 4,
  ])
  const heap = floats(backend)
  const outAt = whole ? out : outPanel
  // Rows inside, so that b, mostly a dense layer's weights and larger than any cache, is read once.
  for (let column = 0; column < columns; column += COLUMN_BLOCK) {
    const width = Math.min(COLUMN_BLOCK, columns - column)
    for (let from = 0; from < depth; from += block) {
      const deep = Math.min(block, depth - from)
      const stride = oddLines(deep * 16)
      const bBlock = { ...b, address: b.address + (from * b.rowStride + column * b.columnStride) * 4 }
      pack(kernels, heap, bBlock, { rows: deep, columns: width, unit: 8 }, bPanel, stride)
      for (let row = 0; row < rows; row += ROW_BLOCK) {
        const height = Math.min(ROW_BLOCK, rows - row)
        const aBlock = {
          address: a.address + (row * a.rowStride + from * a.columnStride) * 4,
          rowStride: a.columnStride,
          columnStride: a.rowStride,
        }
        pack(kernels, heap, aBlock, { rows: deep, columns: height, unit: 4 }, aPanel, stride)
        const kernel = from === 0 ? kernels.multiplyTransposed : kernels.accumulate
        kernel(
          ...[aPanel, bPanel, outAt + (row * outWidth + column) * 4, deep],
          ...[multipleOf(4, height), multipleOf(8, width), 16, 16, stride],
          ...[stride, 2 * stride, outWidth * 4, 16, 32],
          ...[1, 0, 0, 0],
        )
      }
    }
  }
  if (whole) return
  for (let row = 0; row < rows; row++) {
    const at = outPanel / 4 + row * outWidth
    heap.copyWithin(out / 4 + row * columns, at, at + columns)
  }
}
