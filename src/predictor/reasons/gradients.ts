import { tf } from '../../tensorflow.ts'
import { remainingResults } from '../../zoo/forward.ts'
import { layersOf } from '../../zoo/model.ts'

/**
 * Simonyan, Vedaldi and Zisserman 2013, "Deep inside convolutional networks", section 3: the largest of |d logit / d x|
 * over the channels of a pixel, where x is the picture as the network gets it: normalised.
 *
 * @param x      [1, height, width, channels]
 * @param index  of the class
 * @returns [height, width]
 */
export function inputGradient(model: tf.LayersModel, x: tf.Tensor4D, index: number): tf.Tensor2D {
  return tf.tidy(() => {
    const { gradient } = logitGradient(model, x, model.inputs[0]!, index)
    return gradient.abs().max(3).squeeze([0]) as tf.Tensor2D
  })
}

/**
 * Selvaraju et al. 2017, "Grad-CAM", section 3: ReLU of the sum of the channels of the last convolution's result A, after
 * its ReLU, each weighed by the mean of d logit / d A over its places. Enlarged bilinearly to the size of the picture,
 * pixels taken as squares: PyTorch's interpolate with align_corners=False.
 *
 * @param x      [1, height, width, channels]
 * @param index  of the class
 * @returns [height, width]
 */
export function gradCam(model: tf.LayersModel, x: tf.Tensor4D, index: number): tf.Tensor2D {
  return tf.tidy(() => {
    const { value, gradient } = logitGradient(model, x, lastConvolution(model), index)
    const weights = gradient.mean([1, 2], true)
    const map = value.mul(weights).sum(3, true).relu() as tf.Tensor4D
    const [, height, width] = x.shape
    return tf.image.resizeBilinear(map, [height, width], false, true).squeeze([0, 3]) as tf.Tensor2D
  })
}

/** The result of the last convolution once its ReLU, perhaps behind a batch norm, has had it. Every VGG has one. */
function lastConvolution(model: tf.LayersModel): tf.SymbolicTensor {
  const layers = layersOf(model)
  const last = layers.findLastIndex(({ info }) => info.kind === 'CONV')
  const { layer } = layers.slice(last).find(({ info }) => info.kind === 'RELU')!
  return layer.output as tf.SymbolicTensor
}

/** The result of a layer, or the picture, and the gradient of a logit by it: of its shape. By the layers as they stand: fused ones have no gradients in prediction. */
function logitGradient(
  model: tf.LayersModel,
  x: tf.Tensor4D,
  place: tf.SymbolicTensor,
  index: number,
): { value: tf.Tensor; gradient: tf.Tensor } {
  const known = new Map<tf.SymbolicTensor, tf.Tensor>([[model.inputs[0]!, x]])
  if (!known.has(place)) {
    for (const _ of remainingResults(model, known)) if (known.has(place)) break
  }
  const value = known.get(place)!
  const logit = (at: tf.Tensor) => {
    const all = new Map(known).set(place, at)
    for (const _ of remainingResults(model, all));
    return all.get(model.outputs[0]!)!.slice([0, index], [1, 1]).sum()
  }
  return { value, gradient: tf.grad(logit)(value) }
}
