import type * as tf from '@tensorflow/tfjs'
import { readGlobalPool, readWindow } from './keras.ts'
import type { LayerKind } from './kind.ts'
import { type StandardLayer, standardDense, standardPool } from './standard-layer.ts'
import { layerClass, type TensorFlow } from './tensorflow.ts'

/** [n, h, w, c] -> [n, size, size, c] */
export const adaptiveAveragePool: LayerKind<'ADAPTIVE_AVG_POOL'> = {
  name: 'ADAPTIVE_AVG_POOL',
  title: 'Average pool',
  description: 'Means over parts of the picture, as many along each edge whatever its size.',
  label: ({ size }) => `to ${size}x${size}`,
  isWeightLayer: false,
  notation: null,

  measure({ size }, [{ shape, field, apart }]) {
    const [height, width, channels] = shape as [number, number, number]
    // Its bins may differ in size; only where it changes nothing is the field still one square.
    const isSame = height === size && width === size
    return { output: { shape: [size!, size!, channels], field: isSame ? field : null, apart } }
  },
  variables: null,
  tensors: null,
  build: (tf, { name, size, inputShape: [height, width] }) =>
    adaptiveAveragePoolLayer(tf, [height!, width!], size!, name),
  fusing: null,
  memory: () => ({}),
  standard: ({ name, size, inputShape: [height, width] }) => standardLayers(name, height!, width!, size!),
  keras: {
    // Its standard layers.
    readers: {
      AveragePooling2D(reading) {
        const window = readWindow(reading)
        return window === undefined ? [] : [reading.is('AVG_POOL', window)]
      },
      GlobalAveragePooling2D: (reading) => readGlobalPool('AVG_POOL', reading),
      UpSampling2D({ shape, becomes, is, must, pair }) {
        const [height, width, channels] = shape as [number, number, number]
        must('interpolation', 'nearest')
        must('data_format', 'channels_last', 'channelsLast')
        const size = pair('size')
        becomes([height * size[0], width * size[1], channels])
        return [is('UPSAMPLE', size.join('x'))]
      },
      Permute({ config, shape, becomes, is }) {
        const dims = Array.isArray(config.dims) ? config.dims : []
        if (dims.every((dim, index) => dim === index + 1)) return []
        becomes(dims.map((dim) => shape[Number(dim) - 1]!))
        return [is('PERMUTE', dims.join(','))]
      },
    },
  },
}

/**
 * Averages any [h, w] down (or up) to [size, size] by PyTorch's rule: output cell i covers the input cells from
 * floor(i * n / size) to ceil((i + 1) * n / size), so bins may overlap, and when n < size they repeat cells.
 * Where one of TensorFlow.js' own layers does the same it is taken: it is faster, and a saved model then needs
 * no class of ours to be loaded.
 */
export function adaptiveAveragePoolLayer(
  tf: TensorFlow,
  inputShape: readonly [number, number],
  size: number,
  name: string,
): tf.layers.Layer {
  const [height, width] = inputShape
  if (height === size && width === size) return tf.layers.activation({ name, activation: 'linear' })
  if (height % size === 0 && width % size === 0) {
    const window: [number, number] = [height / size, width / size]
    return tf.layers.averagePooling2d({ name, poolSize: window, strides: window, padding: 'valid' })
  }
  if (size % height === 0 && size % width === 0) {
    return tf.layers.upSampling2d({
      name,
      size: [size / height, size / width],
      interpolation: 'nearest',
      dataFormat: 'channelsLast',
    })
  }
  return new (generalAveragePool(tf))({ name, size })
}

type AdaptiveAveragePoolConfig = ConstructorParameters<typeof tf.layers.Layer>[0] & { size: number }

/** The general case, as two matrix products: rows first, then columns. Input [n, h, w, c], output [n, size, size, c]. */
const generalAveragePool = layerClass((tf) => {
  class AdaptiveAveragePool extends tf.layers.Layer {
    static className = 'AdaptiveAveragePool'
    readonly size: number

    constructor(config: AdaptiveAveragePoolConfig) {
      super(config)
      this.size = config.size
    }

    override computeOutputShape(inputShape: tf.Shape): tf.Shape {
      return [inputShape[0]!, this.size, this.size, inputShape[3]!]
    }

    override call(inputs: tf.Tensor | tf.Tensor[]): tf.Tensor {
      return tf.tidy(() => {
        const x = (Array.isArray(inputs) ? inputs[0]! : inputs) as tf.Tensor4D
        const [n, h, w, c] = x.shape
        // Batched products with one matrix per image: the gradient of a broadcast one is not reduced by TensorFlow.js.
        const rows = tf.matMul(bins(tf, h, this.size, n), x.reshape([n, h, w * c]))
        const cells = tf.matMul(bins(tf, w, this.size, n * this.size), rows.reshape([n * this.size, w, c]))
        return cells.reshape([n, this.size, this.size, c])
      })
    }

    override getConfig(): tf.serialization.ConfigDict {
      return { ...super.getConfig(), size: this.size }
    }
  }
  tf.serialization.registerClass(AdaptiveAveragePool)
  return AdaptiveAveragePool
})

/** [count, size, length]: each matrix has 1 / bin length where output cell i covers input cell j, and 0 elsewhere. */
function bins(tf: TensorFlow, length: number, size: number, count: number): tf.Tensor3D {
  const matrix = new Float32Array(size * length)
  for (let i = 0; i < size; i++) {
    const start = Math.floor((i * length) / size)
    const end = Math.ceil(((i + 1) * length) / size)
    matrix.fill(1 / (end - start), i * length + start, i * length + end)
  }
  return tf.tile(tf.tensor3d(matrix, [1, size, length]), [count, 1, 1])
}

/** [h, w] to [size, size] in Keras' layers. */
function standardLayers(name: string, height: number, width: number, size: number): StandardLayer[] {
  if (height === size && width === size) return []
  if (height % size === 0 && width % size === 0) {
    return [standardPool('AVG_POOL', name, [height / size, width / size])]
  }
  if (size % height === 0 && size % width === 0) {
    const factors = [size / height, size / width]
    return [
      {
        kind: 'UPSAMPLE',
        name,
        settings: factors.join('x'),
        className: 'UpSampling2D',
        config: { size: factors, data_format: 'channels_last', interpolation: 'nearest' },
      },
    ]
  }
  // Bins of different lengths are a matrix along each side, and a dense layer multiplies the last axis by one.
  const along = (side: 'rows' | 'columns', inputs: number): StandardLayer =>
    standardDense(`${name}.${side}`, size, { inputs, units: size, kernel: binMatrix(inputs, size) })
  const permute = (step: number, dims: [number, number, number]): StandardLayer => ({
    kind: 'PERMUTE',
    name: `${name}.permute${step}`,
    settings: dims.join(','),
    className: 'Permute',
    config: { dims },
  })
  return [
    // [h, w, c] -> [w, c, h] -> [w, c, size]
    permute(1, [2, 3, 1]),
    along('rows', height),
    // -> [size, c, w] -> [size, c, size]
    permute(2, [3, 2, 1]),
    along('columns', width),
    // -> [size, size, c]
    permute(3, [1, 3, 2]),
  ]
}

/** [inputs, size]: 1 / bin length where output cell i covers input cell j, from floor(i n / size) to ceil((i + 1) n / size). */
function binMatrix(inputs: number, size: number): Float32Array {
  const matrix = new Float32Array(inputs * size)
  for (let i = 0; i < size; i++) {
    const start = Math.floor((i * inputs) / size)
    const end = Math.ceil(((i + 1) * inputs) / size)
    for (let j = start; j < end; j++) matrix[j * size + i] = 1 / (end - start)
  }
  return matrix
}
