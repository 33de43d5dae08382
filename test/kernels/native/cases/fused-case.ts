import * as tf from '@tensorflow/tfjs'
import { type After, type FusedLayers, fusedLayers } from '../../../../src/engine/fused.ts'
import { BACKEND } from '../../../../src/engine/native/kernels.ts'
import { type Outcome, on, outcomeOf, type Values } from '../support.ts'

// biome-ignore lint/suspicious/noExplicitAny: each case knows the ranks of its own tensors.
type Tensors = Record<string, any>

/** A fused layer and the same function of TensorFlow.js' own operations. */
export interface FusedCase {
  name: string
  inputs: Record<string, Values>
  /** The gradient of the first result; without it no gradients are compared. */
  dy?: Values
  fused(layers: FusedLayers, inputs: Tensors): tf.Tensor[]
  stock(inputs: Tensors): tf.Tensor[]
  /**
   * What a ReLU or pool that decides by a hair gets, where it does not come to the same value on every engine: dy is 0
   * for all that rounding could decide otherwise.
   */
  undecided?: { before(inputs: Tensors): tf.Tensor; after: After }
  /** 0 for what must be exact. */
  tolerance: number
  /** Winograd's algorithm computes it: it is compared, too, with `direct` set, and then to `TOLERANCE`. */
  winograd?: boolean
}

/** The cases of each kernel by its name without Vggzoo. */
export type FusedCases = Record<string, FusedCase[]>

/** [n, h, w, c] -> what `After` says, by TensorFlow.js' own operations. */
export function afterwards(x: tf.Tensor4D, { relu, pool }: After): tf.Tensor4D {
  const passed = relu ? tf.relu(x) : x
  return pool ? tf.maxPool(passed, 2, 2, 'valid') : passed
}

/** The shape of it. */
export const shapeAfter = ([n, h, w, c]: readonly number[], { pool }: After): number[] =>
  pool ? [n, h >> 1, w >> 1, c] : [n, h, w, c]

export const nameOfAfter = ({ relu, pool }: After): string =>
  `${relu ? ', ReLU' : ''}${pool ? ', pool' : ''}` || ', nothing'

/** The results, then the gradients of all inputs, in their order. */
export async function outcomesOf(
  backend: typeof BACKEND | 'cpu',
  it: FusedCase,
  dy: Values | undefined,
): Promise<Outcome[]> {
  const compute = (inputs: Tensors) =>
    backend === BACKEND ? it.fused(fusedLayers(tf)!, inputs) : it.stock(inputs)
  if (dy === undefined) return on(backend, it.inputs, compute)
  let results: Outcome[] = []
  const gradients = await on(backend, { ...it.inputs, dy }, ({ dy: weights, ...inputs }) => {
    const names = Object.keys(inputs)
    const loss = (...tensors: tf.Tensor[]) => {
      // As results of a layer before it, which nobody else holds: their memory may be overwritten.
      const own = tensors.map((tensor) => tf.add(tensor, 0))
      const computed = compute(Object.fromEntries(names.map((name, i) => [name, own[i]])))
      results = computed.map(outcomeOf)
      return tf.sum(tf.mul(computed[0], weights)) as tf.Scalar
    }
    return tf.grads(loss)(Object.values(inputs))
  })
  return [...results, ...gradients]
}

/** The gradient that the case is to be computed with, see `undecided`. */
export async function gradientOf({ dy, inputs, undecided }: FusedCase): Promise<Values | undefined> {
  if (dy === undefined || undecided === undefined) return dy
  const [{ shape, data }] = await on(BACKEND, inputs, undecided.before)
  const decided = isDecided(shape, data, undecided.after)
  const kept = dy.data.map((value, i) => (decided(i) ? value : 0)) as Float32Array
  const share = kept.filter((value) => value !== 0).length / kept.length
  if (share < 0.9) throw new Error(`Of the gradient only ${share} is left.`)
  return { ...dy, data: kept }
}

/** Whether ReLU and pool choose the same for all values that are nearly those given. */
function isDecided(
  [, h, w, c]: number[],
  values: Float32Array,
  { relu, pool }: After,
): (result: number) => boolean {
  const margin = 1e-4 * values.reduce((largest, value) => Math.max(largest, Math.abs(value)), 0)
  if (!pool) return (at) => !relu || Math.abs(values[at]) > margin
  const [oh, ow] = [h >> 1, w >> 1]
  return (result) => {
    const channel = result % c
    const column = 2 * (Math.floor(result / c) % ow)
    const line = Math.floor(result / c / ow)
    const row = Math.floor(line / oh) * h + 2 * (line % oh)
    const at = (y: number, x: number) => values[((row + y) * w + column + x) * c + channel]
    const [first, second] = [at(0, 0), at(0, 1), at(1, 0), at(1, 1)].sort((a, b) => b - a)
    // Nothing passes a ReLU that is clearly shut.
    if (relu && first < -margin) return true
    return first - second > margin && (!relu || first > margin)
  }
}
