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
  // A layer of its own: in training TensorFlow.js does not fuse it, and then its bias is an extra pass too.
  build: (tf, { name }) => tf.layers.reLU({ name }),
  fusing: { after: 'relu' },
  memory: () => ({}),
  standard: ({ name }) => [
    { kind: 'RELU', name, settings: '', className: 'ReLU', config: { max_value: null } },
  ],
  keras: {},
}
