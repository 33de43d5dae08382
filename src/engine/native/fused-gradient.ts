import { tf } from '../../tensorflow.ts'
import type { NativeBackend } from './backend.ts'

/**
 * Registers the gradient of a kernel of ours. TensorFlow.js keeps what a kernel saved and every gradient on the way
 * until the last of them is there; these gradients dispose what they were given as soon as they have used it, and
 * write into its memory: a step needs half the memory then.
 *
 * @param gradient  gets the gradient of the first result. It computes at once what the inputs' gradients share: each
 *                  of the functions that it returns runs in a tidy of its own, and only where its result is wanted.
 */
export function registerConsumingGradient<Attributes>(
  kernelName: string,
  saved: { inputs: string[]; outputs: boolean[] },
  gradient: (
    dy: tf.Tensor,
    saved: tf.Tensor[],
    attrs: Attributes,
    backend: NativeBackend,
  ) => Record<string, () => tf.Tensor>,
): void {
  tf.registerGradient({
    kernelName,
    inputsToSave: saved.inputs,
    outputsToSave: saved.outputs,
    gradFunc: (dys, tensors, attrs) => {
      const [dy, ...others] = Array.isArray(dys) ? dys : [dys]
      // Zeros, which TensorFlow.js makes for results that lead nowhere.
      tf.dispose(others)
      const backend = tf.backend() as NativeBackend
      const results = backend.orGiveBack(() => gradient(dy, tensors, attrs as Attributes, backend))
      return Object.fromEntries(
        Object.entries(results).map(([input, result]) => [input, () => backend.orGiveBack(result)]),
      )
    },
  })
}

/** A tensor of an array from `take`, known to TensorFlow.js' scopes. */
export function tensorOf(backend: NativeBackend, values: Float32Array, shape: readonly number[]): tf.Tensor {
  return tf.engine().makeTensorFromTensorInfo(backend.output(values, shape))
}

/**
 * A tensor for values that are computed from those of `given` one by one: in its memory where nobody else sees that.
 * `given` is disposed; `fill` gets where to read and where to write.
 */
export function inPlaceOf(
  backend: NativeBackend,
  given: tf.Tensor,
  fill: (from: Float32Array, to: Float32Array) => void,
): tf.Tensor {
  const from = backend.values(given)
  const sole = backend.isSole(given)
  const to = sole ? backend.takeOver(from) : backend.take(from.length)
  fill(from, to)
  const result = tensorOf(backend, to, given.shape)
  given.dispose()
  return result
}
