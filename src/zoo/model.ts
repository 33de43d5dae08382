import * as tf from '@tensorflow/tfjs'
import { Random } from '../random.ts'
import { analyze, type LayerInfo } from './analysis.ts'
import type { Architecture } from './architecture.ts'
import { adaptiveAveragePool } from './layers/adaptive-average-pool.ts'
import { ChannelNormalization } from './layers/batch-normalization.ts'
import { type DropoutState, SteppedDropout } from './layers/dropout.ts'
import { LocalResponseNormalization } from './layers/local-response-normalization.ts'

export interface BuildOptions {
  /** Where dropout reads its seed and step from. Needed to train a network with dropout, not to predict. */
  dropout?: DropoutState
}

/**
 * The TensorFlow.js model of a network: [n, height, width, channels] -> logits [n, classes], no soft-max. Its
 * layers are those of `analyze`, under the same names. The weights are zeros (batch norm: identity) until
 * `initializeWeights` or `loadWeights` sets them. The caller disposes the model.
 */
export function buildModel(architecture: Architecture, options: BuildOptions = {}): tf.LayersModel {
  const { layers } = analyze(architecture)
  const input = tf.input({ shape: [...architecture.inputShape], name: 'input' })
  let output = input
  for (const info of layers) {
    // The loss and the predictor apply the soft-max: on logits the loss is exact also when a class is hopeless.
    if (info.kind === 'SOFTMAX') continue
    output = buildLayer(info, architecture, output.shape, options).apply(output) as tf.SymbolicTensor
  }
  return tf.model({ inputs: input, outputs: output, name: architecture.name })
}

/** Zeros made on the engine: TensorFlow.js' own makes them in JavaScript first, 411 MB of them for VGG-16's widest layer. */
function zeros() {
  const initializer = tf.initializers.zeros()
  initializer.apply = (shape, dtype) => tf.fill(shape as number[], 0, dtype)
  return initializer
}

function buildLayer(
  info: LayerInfo,
  { head }: Architecture,
  inputShape: tf.Shape,
  options: BuildOptions,
): tf.layers.Layer {
  const { name } = info
  switch (info.kind) {
    case 'CONV':
      return tf.layers.conv2d({
        name,
        filters: info.units!,
        kernelSize: info.kernelSize!,
        padding: 'same',
        kernelInitializer: zeros(),
      })
    case 'BATCH_NORM':
      return new ChannelNormalization({ name })
    case 'RELU':
      // A layer of its own: in training TensorFlow.js does not fuse it, and then its bias is an extra pass too.
      return tf.layers.reLU({ name })
    case 'LRN':
      return new LocalResponseNormalization({ name })
    case 'MAX_POOL':
      return tf.layers.maxPooling2d({ name, poolSize: info.kernelSize!, strides: info.strides! })
    case 'ADAPTIVE_AVG_POOL':
      return adaptiveAveragePool([inputShape[1]!, inputShape[2]!], info.outputShape[0]!, name)
    case 'FLATTEN':
      return tf.layers.flatten({ name })
    case 'DENSE':
      return tf.layers.dense({ name, units: info.units!, kernelInitializer: zeros() })
    case 'DROPOUT':
      return new SteppedDropout({ name, rate: head.dropout }, info.index, options.dropout)
    case 'SOFTMAX':
      throw new Error('The soft-max is not part of the model.')
  }
}

/**
 * Sets the lecture's initial weights: convolutions Kaiming-normal by fan-out, N(0, 2 / (k * k * filters)); dense
 * layers N(0, 0.01^2); biases 0; batch norm 1 and 0. The same seed gives the same bits on every engine, and a
 * layer's weights do not depend on the layers before it.
 */
export function initializeWeights(model: tf.LayersModel, seed: number): void {
  model.layers.forEach((layer, index) => {
    for (const variable of layer.weights) {
      const value = initialValue(variable, new Random(seed, index))
      variable.write(value)
      value.dispose()
    }
  })
}

function initialValue(variable: tf.LayerVariable, random: Random): tf.Tensor {
  const shape = variable.shape as number[]
  const size = shape.reduce((product, length) => product * length, 1)
  switch (variable.originalName.split('/').at(-1)) {
    case 'kernel': {
      const [height, width, , filters] = shape
      const deviation = shape.length === 4 ? Math.sqrt(2 / (height! * width! * filters!)) : 0.01
      return tf.tensor(random.normal(size, deviation), shape)
    }
    case 'gamma':
    case 'moving_variance':
      return tf.ones(shape)
    default:
      return tf.zeros(shape)
  }
}
