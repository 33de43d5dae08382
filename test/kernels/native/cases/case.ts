import type * as tf from '@tensorflow/tfjs'
import type { Values } from '../support.ts'

/** Float32 sums in another order, relative to the largest element; Winograd's transforms round a few times more. */
export const TOLERANCE = 5e-6
export const WINOGRAD_TOLERANCE = 2e-5

/** One call of a kernel, to be made on both backends. */
export interface Case {
  name: string
  inputs: Record<string, Values>
  attrs?: tf.NamedAttrMap
  /** 0 for what must be exact. */
  tolerance: number
  /** Winograd's algorithm computes it: it is compared, too, with `direct` set, and then to `TOLERANCE`. */
  winograd?: boolean
  /** Whether the kernel in C++ does it, or leaves it to the cpu backend; undefined where that is of no interest. */
  native?: boolean
}

/** The cases of each kernel by its name. */
export type Cases = Record<string, Case[]>
