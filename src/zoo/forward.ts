import * as tf from '@tensorflow/tfjs'
import { type After, type FusedLayers, fusedLayers } from '../engine/fused.ts'
import { ChannelNormalization } from './layers/batch-normalization.ts'

/** [n, height, width, channels] -> logits [n, classes]. The caller disposes the result, or tidies. */
export type Forward = (x: tf.Tensor) => tf.Tensor2D

type Step = (value: tf.Tensor) => tf.Tensor

/**
 * How the present engine runs a network of the zoo: by its own fused layers where it has them, a convolution with
 * what follows it in one pass, and layer by layer where not. The weights are the model's own, also when they change.
 */
export function forwardOf(model: tf.LayersModel, { training }: { training: boolean }): Forward {
  const fused = fusedLayers()
  if (fused === undefined) return (x) => model.apply(x, { training }) as tf.Tensor2D
  const steps: Step[] = []
  // The first layer is the input.
  for (let rest = model.layers.slice(1); rest.length > 0; ) {
    const { step, layers } = nextStep(fused, rest, training)
    steps.push(step)
    rest = rest.slice(layers)
  }
  return (x) => tf.tidy(() => steps.reduce((value, step) => step(value), x) as tf.Tensor2D)
}

/** The first step of a chain of layers, and how many of them it does. */
function nextStep(
  fused: FusedLayers,
  [layer, ...rest]: tf.layers.Layer[],
  training: boolean,
): { step: Step; layers: number } {
  if (isConvolution(layer)) {
    const { kernel, bias } = weightsOf(layer)
    const next = rest[0]
    if (next instanceof ChannelNormalization) {
      const { after, layers } = afterwards(rest.slice(1))
      const alone = { relu: false, pool: false, biasGradient: false }
      return {
        step: (x) => {
          const y = fused.convolution(x as tf.Tensor4D, kernel() as tf.Tensor4D, bias() as tf.Tensor1D, alone)
          return next.fused(fused, y, after, training)
        },
        layers: 2 + layers,
      }
    }
    const { after, layers } = afterwards(rest)
    const options = { ...after, biasGradient: true }
    return {
      step: (x) =>
        fused.convolution(x as tf.Tensor4D, kernel() as tf.Tensor4D, bias() as tf.Tensor1D, options),
      layers: 1 + layers,
    }
  }
  if (layer.getClassName() === 'Dense') {
    const { kernel, bias } = weightsOf(layer)
    const relu = isRelu(rest[0])
    return {
      step: (x) => fused.dense(x as tf.Tensor2D, kernel() as tf.Tensor2D, bias() as tf.Tensor1D, relu),
      layers: relu ? 2 : 1,
    }
  }
  return { step: (x) => layer.apply(x, { training }) as tf.Tensor, layers: 1 }
}

/** ReLU and a 2x2 max-pool that follow, in this order: as many of them as there are. */
function afterwards(rest: tf.layers.Layer[]): { after: After; layers: number } {
  const relu = isRelu(rest[0])
  const pool = isHalving(rest[relu ? 1 : 0])
  return { after: { relu, pool }, layers: Number(relu) + Number(pool) }
}

function isConvolution(layer: tf.layers.Layer): boolean {
  // The zoo's convolutions have stride 1, zeros around and a bias.
  return layer.getClassName() === 'Conv2D'
}

function isRelu(layer: tf.layers.Layer | undefined): boolean {
  return layer?.getClassName() === 'ReLU'
}

function isHalving(layer: tf.layers.Layer | undefined): boolean {
  if (layer?.getClassName() !== 'MaxPooling2D') return false
  const { poolSize, strides } = layer.getConfig() as { poolSize: number[]; strides: number[] }
  const [, height, width] = (layer.input as tf.SymbolicTensor).shape
  return [...poolSize, ...strides].every((length) => length === 2) && height! >= 2 && width! >= 2
}

function weightsOf(layer: tf.layers.Layer): { kernel: () => tf.Tensor; bias: () => tf.Tensor } {
  const [kernel, bias] = layer.weights as [tf.LayerVariable, tf.LayerVariable]
  return { kernel: () => kernel.read(), bias: () => bias.read() }
}
