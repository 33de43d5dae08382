import type * as tf from '@tensorflow/tfjs'
import type { FusedNormalization } from './batch-normalization.ts'
import { type LayerReading, quote, withoutBias } from './keras.ts'
import { type LayerKind, MAX_WIDTH } from './kind.ts'
import { ZEROS } from './standard-layer.ts'
import { zeros } from './tensorflow.ts'

/** A convolution of stride 1 with zeros around, and what a VGG has after it. */
export type ConvolutionFeature = { kind: 'conv'; width: number; kernel: 1 | 3; lrn: boolean }

/** [n, h, w, c] -> [n, h, w, units] */
export const convolution: LayerKind<'CONV', ConvolutionFeature> = {
  name: 'CONV',
  title: 'Convolution',
  description: 'A convolution of stride 1 with zeros around: height and width stay.',
  label: ({ kernelSize, units }) => `${kernelSize!.join('x')}, ${units}`,
  isWeightLayer: true,
  notation: {
    feature: 'conv',
    example: 'a width (64), a 1x1 convolution (64x1), 64:lrn',
    internal: false,
    read(entry) {
      const parts = /^(?<width>\d+)(?:x(?<kernel>[^:]*))?(?::(?<suffix>.*))?$/i.exec(entry)?.groups
      if (parts === undefined) return undefined
      if (parts.kernel !== undefined && parts.kernel !== '1') {
        return 'only x1 may follow a width; a 3x3 convolution is written as the width alone.'
      }
      if (parts.suffix !== undefined && parts.suffix.toLowerCase() !== 'lrn') {
        return 'only :lrn may follow a convolution.'
      }
      const width = Number(parts.width)
      if (width < 1 || width > MAX_WIDTH) return `the width must be between 1 and ${MAX_WIDTH}.`
      const kernel = parts.kernel === undefined ? 3 : 1
      return { kind: 'conv', width, kernel, lrn: parts.suffix !== undefined }
    },
    write: ({ width, kernel, lrn }) => `${width}${kernel === 1 ? 'x1' : ''}${lrn ? ':lrn' : ''}`,
    check: ({ width }) =>
      Number.isInteger(width) && width >= 1 && width <= MAX_WIDTH
        ? null
        : `the width must be a whole number from 1 to ${MAX_WIDTH}.`,
    grow({ width, kernel, lrn }, graph) {
      graph.add('CONV', { kernelSize: [kernel, kernel], strides: [1, 1], units: width })
      if (graph.batchNorm) graph.add('BATCH_NORM')
      graph.add('RELU')
      // After the ReLU, as in the network that the paper takes it from (Krizhevsky et al. 2012, section 3.3).
      if (lrn) graph.add('LRN')
    },
  },

  measure({ kernelSize, units }, [{ shape, field, apart }]) {
    const [height, width, channels] = shape as [number, number, number]
    const [rows, columns] = kernelSize!
    const weights = rows * columns * channels * units!
    return {
      // A k x k window adds k - 1 steps, each as many pixels as two neighbouring cells are apart: two 3x3 see 5 pixels.
      output: { shape: [height, width, units!], field: field && field + (rows - 1) * apart, apart },
      parameterCount: weights + units!,
      multiplyAdds: weights * height * width,
    }
  },
  variables: ({ kernelSize, units, inputShape }) => [
    {
      name: 'kernel',
      shape: [units!, inputShape[2]!, ...kernelSize!],
      order: { kind: 'conv' },
      // Kaiming-normal by fan-out.
      initial: (random, size) =>
        random.normal(size, Math.sqrt(2 / (kernelSize![0] * kernelSize![1] * units!))),
    },
    {
      name: 'bias',
      shape: [units!],
      order: { kind: 'vector' },
      initial: 0,
      neutral: 0,
      neutralBeforeNorm: true,
    },
  ],
  tensors: { rank: 4, names: { kernel: 'weight', bias: 'bias' } },
  build: (tf, { name, units, kernelSize }) =>
    tf.layers.conv2d({
      name,
      filters: units!,
      kernelSize: kernelSize!,
      padding: 'same',
      kernelInitializer: zeros(tf),
    }),
  fusing: {
    takes: ['BATCH_NORM', 'RELU', 'MAX_POOL'],
    step(fused, [{ layer }, next], { after, training }) {
      const [kernel, bias] = layer.weights as [tf.LayerVariable, tf.LayerVariable]
      const normalized = next?.info.kind === 'BATCH_NORM'
      const options = normalized
        ? { relu: false, pool: false, biasGradient: false }
        : { ...after, biasGradient: true }
      const convolve = (x: tf.Tensor) =>
        fused.convolution(x as tf.Tensor4D, kernel.read() as tf.Tensor4D, bias.read() as tf.Tensor1D, options)
      if (!normalized) return convolve
      const normalization = next.layer as tf.layers.Layer & FusedNormalization
      return (x) => normalization.fused(fused, convolve(x), after, training)
    },
  },
  memory: ({ kernelSize, units, inputShape, outputShape }) => ({
    convolution: {
      taps: kernelSize![0] * kernelSize![1],
      inputs: inputShape[2]!,
      filters: units!,
      height: outputShape[0]!,
      width: outputShape[1]!,
    },
  }),
  standard: ({ name, units, kernelSize }) => [
    {
      kind: 'CONV',
      name,
      settings: `${kernelSize!.join('x')} of ${units}`,
      className: 'Conv2D',
      config: {
        filters: units,
        kernel_size: kernelSize,
        strides: [1, 1],
        padding: 'same',
        data_format: 'channels_last',
        dilation_rate: [1, 1],
        activation: 'linear',
        use_bias: true,
        kernel_initializer: ZEROS,
      },
    },
  ],
  keras: {
    counts: 'convolution',
    name: ({ block, convolution }) => `block${block}_conv${convolution}`,
    takesBorder: true,
    readers: {
      ZeroPadding2D(reading) {
        reading.must('data_format', 'channels_last', 'channelsLast')
        reading.becomes(reading.shape, reading.border + zerosOf(reading))
        return []
      },
      Conv2D(reading) {
        const { config, shape, becomes, is, activation, must, pair } = reading
        must('strides', [1, 1], 1)
        must('dilation_rate', [1, 1], 1)
        must('data_format', 'channels_last', 'channelsLast')
        must('groups', 1)
        const kernel = pair('kernel_size')
        checkPadding(reading, kernel)
        becomes([...shape.slice(0, 2), Number(config.filters)])
        return [is('CONV', `${kernel.join('x')} of ${config.filters}`, withoutBias(reading)), ...activation()]
      },
    },
  },
}

/** Zeros that a ZeroPadding2D adds on each side: n, [n, n] or [[n, n], [n, n]]. */
function zerosOf({ config, wrong }: LayerReading): number {
  const sides = [config.padding ?? 1].flat(2)
  const [first] = sides
  if (Number.isInteger(first) && sides.every((side) => side === first)) return Number(first)
  throw wrong(`its padding is ${quote(config.padding)}; a VGG's is the same on all sides.`)
}

/** @throws LayersModelError unless height and width stay */
function checkPadding({ config, border, wrong }: LayerReading, kernel: readonly [number, number]): void {
  // What "same" adds on each side of a kernel of this size: nothing to 1x1.
  const same = (kernel[0] - 1) / 2
  const added = config.padding === 'same' ? same : 0
  if (config.padding === 'same' && border === 0) return
  if (kernel[0] === kernel[1] && added + border === same) return
  throw wrong(
    border === 0
      ? `its padding is ${quote(config.padding ?? 'valid')} and must be "same".`
      : `it has a border of ${border + added} zeros and must have ${same}.`,
  )
}
