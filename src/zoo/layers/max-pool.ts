import { readGlobalPool, readWindow } from './keras.ts'
import { type LayerKind, UnfitLayer } from './kind.ts'
import { standardPool } from './standard-layer.ts'

export type MaxPoolFeature = { kind: 'pool' }

/** The largest of each 2x2 block: [n, h, w, c] -> [n, h / 2, w / 2, c], rounded down. */
export const maxPool: LayerKind<'MAX_POOL', MaxPoolFeature> = {
  name: 'MAX_POOL',
  title: 'Max-pool',
  description: 'The largest value of each window.',
  label: ({ kernelSize }) => kernelSize!.join('x'),
  isWeightLayer: false,
  notation: {
    feature: 'pool',
    example: 'M',
    internal: false,
    read: (entry) => (/^m$/i.test(entry) ? { kind: 'pool' } : undefined),
    write: () => 'M',
    check: () => null,
    grow: (_feature, graph) => graph.add('MAX_POOL', { kernelSize: [2, 2], strides: [2, 2] }),
  },

  measure(_settings, [{ shape, field, apart }], around) {
    const [height, width, channels] = shape as [number, number, number]
    if (height < 2 || width < 2) {
      return new UnfitLayer(
        `too many pools for an input of ${around.inputShape[0]}x${around.inputShape[1]}. ` +
          `After ${around.before} of them ${height}x${width} is left, ` +
          'and a 2x2 pool needs 2x2. Take a pool out or give a larger input.',
      )
    }
    const halved = [Math.floor(height / 2), Math.floor(width / 2), channels]
    // It doubles what comes after it.
    return { output: { shape: halved, field: field && field + apart, apart: 2 * apart } }
  },
  variables: null,
  tensors: null,
  build: (tf, { name, kernelSize, strides }) =>
    tf.layers.maxPooling2d({ name, poolSize: kernelSize!, strides: strides! }),
  fusing: { after: 'pool' },
  // The place of each largest value.
  memory: () => ({ fusedKeeps: 'mask' }),
  standard: ({ name, kernelSize }) => [standardPool('MAX_POOL', name, kernelSize!)],
  keras: {
    counts: 'block',
    readers: {
      MaxPooling2D(reading) {
        const window = readWindow(reading)
        return window === undefined ? [] : [reading.is('MAX_POOL', window)]
      },
      GlobalMaxPooling2D: (reading) => readGlobalPool('MAX_POOL', reading),
    },
  },
}
