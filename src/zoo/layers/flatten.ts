import type { LayerKind } from './kind.ts'

/** [n, h, w, c] -> [n, h * w * c] */
export const flatten: LayerKind<'FLATTEN'> = {
  name: 'FLATTEN',
  title: 'Flatten',
  description: 'All values in one row; nothing is computed.',
  label: () => '',
  isWeightLayer: false,
  notation: null,

  measure: (_settings, [{ shape, apart }]) => ({
    output: { shape: [shape.reduce((product, length) => product * length, 1)], field: null, apart },
  }),
  variables: null,
  build: (tf, { name }) => tf.layers.flatten({ name }),
  fusing: null,
  memory: () => ({ isView: true }),
  standard: ({ name }) => [
    { kind: 'FLATTEN', name, settings: '', className: 'Flatten', config: { data_format: 'channels_last' } },
  ],
  keras: {},
}
