import type * as tf from '@tensorflow/tfjs'
import { fusedLayers } from '../../engine/fused.ts'
import { Random } from '../../random.ts'
import { type DropoutState, type LayerKind, same } from './kind.ts'
import { layerClass } from './tensorflow.ts'

type DropoutConfig = NonNullable<Parameters<typeof tf.layers.dropout>[0]>

/** In training, zero for a part of all values, and more for the others. */
export const dropout: LayerKind<'DROPOUT'> = {
  name: 'DROPOUT',
  title: 'Dropout',
  description: 'In training, a part of the values at random becomes zero; in prediction nothing changes.',
  label: ({ rate }) => `${rate}`,
  isWeightLayer: false,
  notation: null,

  measure: same,
  variables: null,
  tensors: null,
  build: (tf, { name, rate, index }, options) =>
    new (steppedDropout(tf))({ name, rate: rate! }, index, options.dropout),
  fusing: null,
  memory: () => ({ onlyTraining: true, fusedKeeps: 'mask' }),
  standard: ({ name, rate }) => [
    {
      kind: 'DROPOUT',
      name,
      settings: '',
      className: 'Dropout',
      config: { rate, noise_shape: null, seed: null },
      isIdle: true,
    },
  ],
  keras: {
    idle: [
      'Dropout',
      'SpatialDropout1D',
      'SpatialDropout2D',
      'SpatialDropout3D',
      'AlphaDropout',
      'GaussianDropout',
    ],
  },
}

/**
 * Dropout whose mask is a function of (seed, layer, step), so a run repeats exactly, also when it goes on from
 * a checkpoint. TensorFlow.js' own layer either draws masks that no seed repeats or, with a seed, the same
 * mask at every step. A saved model says `Dropout`: whoever loads it gets TensorFlow.js' layer, and in
 * prediction the two are the same.
 */
export const steppedDropout = layerClass((tf) => {
  class SteppedDropout extends tf.layers.Layer {
    static className = 'Dropout'
    readonly rate: number
    readonly layer: number
    readonly state: DropoutState | undefined

    /** `layer` tells the dropouts of one model apart. Without a state the layer predicts but does not train. */
    constructor(config: DropoutConfig, layer: number, state: DropoutState | undefined) {
      super(config)
      this.supportsMasking = true
      this.rate = config.rate
      this.layer = layer
      this.state = state
    }

    override computeOutputShape(inputShape: tf.Shape): tf.Shape {
      return inputShape
    }

    override call(inputs: tf.Tensor | tf.Tensor[], kwargs: { training?: boolean }): tf.Tensor {
      return tf.tidy(() => {
        const x = Array.isArray(inputs) ? inputs[0]! : inputs
        if (!kwargs.training || this.rate === 0) return x
        if (this.state === undefined) {
          throw new Error(`Layer ${this.name}: a model that trains needs buildModel's option "dropout".`)
        }
        const random = new Random(this.state.seed, this.layer, this.state.step)
        const fused = fusedLayers(tf)
        if (fused !== undefined) return fused.dropout(x, this.rate, random.state())
        return tf.mul(x, tf.tensor(random.dropoutMask(x.size, this.rate), x.shape))
      })
    }

    override getConfig(): tf.serialization.ConfigDict {
      return { ...super.getConfig(), rate: this.rate }
    }
  }
  return SteppedDropout
})
