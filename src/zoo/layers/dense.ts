import type * as tf from '@tensorflow/tfjs'
import { withoutBias } from './keras.ts'
import type { LayerKind } from './kind.ts'
import { standardDense } from './standard-layer.ts'
import { zeros } from './tensorflow.ts'

/** Deviation of the first weights: the lecture's. */
const DEVIATION = 0.01

/** [n, inputs] -> [n, units] */
export const dense: LayerKind<'DENSE'> = {
  name: 'DENSE',
  title: 'Dense',
  description: 'Each output is a weighted sum of all inputs.',
  label: ({ units }) => `${units}`,
  isWeightLayer: true,
  notation: null,

  measure({ units }, [{ shape, apart }]) {
    const weights = shape[0]! * units!
    return {
      output: { shape: [units!], field: null, apart },
      parameterCount: weights + units!,
      multiplyAdds: weights,
    }
  },
  variables: ({ units, inputShape }, grid) => [
    {
      name: 'kernel',
      shape: [units!, inputShape[0]!],
      order: { kind: 'dense', grid },
      initial: (random, size) => random.normal(size, DEVIATION),
    },
    { name: 'bias', shape: [units!], order: { kind: 'vector' }, initial: 0 },
  ],
  tensors: { rank: 2, names: { kernel: 'weight', bias: 'bias' } },
  build: (tf, { name, units }) => tf.layers.dense({ name, units: units!, kernelInitializer: zeros(tf) }),
  fusing: {
    takes: ['RELU'],
    step(fused, [{ layer }], { after: { relu } }) {
      const [kernel, bias] = layer.weights as [tf.LayerVariable, tf.LayerVariable]
      return (x) =>
        fused.dense(x as tf.Tensor2D, kernel.read() as tf.Tensor2D, bias.read() as tf.Tensor1D, relu)
    },
  },
  memory: () => ({}),
  standard: ({ name, units }) => [standardDense(name, units!)],
  keras: {
    counts: 'dense',
    name: ({ dense, isLast }) => (isLast ? 'predictions' : `fc${dense}`),
    readers: {
      Dense(reading) {
        const { config, shape, becomes, is, activation } = reading
        becomes([...shape.slice(0, -1), Number(config.units)])
        return [is('DENSE', `of ${config.units}`, withoutBias(reading)), ...activation()]
      },
    },
  },
}
