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
    output: { shape: [lengthOf(shape)], field: null, apart },
  }),
  variables: null,
  tensors: null,
  build: (tf, { name }) => tf.layers.flatten({ name }),
  fusing: null,
  memory: () => ({ isView: true }),
  standard: ({ name }) => [
    { kind: 'FLATTEN', name, settings: '', className: 'Flatten', config: { data_format: 'channels_last' } },
  ],
  keras: {
    readers: {
      Flatten({ shape, becomes, is, must }) {
        must('data_format', 'channels_last', 'channelsLast')
        if (shape.length !== 3) return []
        becomes([lengthOf(shape)])
        return [is('FLATTEN')]
      },
      Reshape({ config, shape, becomes, is, wrong }) {
        const to = Array.isArray(config.target_shape) ? config.target_shape : []
        const length = lengthOf(shape)
        const rest = to.reduce((product, it) => (it === -1 ? product : product * it), 1)
        const target: unknown[] = to.map((it) => (it === -1 ? length / rest : it))
        if (String(target) === String(shape)) return []
        if (target.length !== 1 || target[0] !== length) {
          throw wrong(`it makes [${target}] of [${shape}]; a VGG flattens, and nothing else.`)
        }
        becomes([length])
        return [is('FLATTEN')]
      },
    },
  },
}

function lengthOf(shape: readonly number[]): number {
  return shape.reduce((product, length) => product * length, 1)
}
