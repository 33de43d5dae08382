import { type LayerKind, same } from './kind.ts'

/** max(x, 0) of every value. */
export const relu: LayerKind<'RELU'> = {
  name: 'RELU',
  title: 'ReLU',
  description: 'What is below zero becomes zero.',
  label: () => '',
  isWeightLayer: false,
  notation: null,

  measure: same,
  variables: null,
  tensors: null,
  // A layer of its own: in training TensorFlow.js does not fuse it, and then its bias is an extra pass too.
  build: (tf, { name }) => tf.layers.reLU({ name }),
  fusing: { after: 'relu' },
  memory: () => ({}),
  standard: ({ name }) => [
    { kind: 'RELU', name, settings: '', className: 'ReLU', config: { max_value: null } },
  ],
  keras: {
    activation: 'relu',
    isIdempotent: true,
    readers: {
      ReLU({ is, must }) {
        must('max_value', null)
        must('negative_slope', 0, null)
        must('threshold', 0, null)
        return [is('RELU')]
      },
      LeakyReLU({ config, is, wrong }) {
        if ((config.negative_slope ?? config.alpha) !== 0) throw wrong('a VGG has ReLU.')
        return [is('RELU')]
      },
    },
  },
}
