import * as tf from '@tensorflow/tfjs'

/**
 * Averages any [h, w] down (or up) to [size, size] by PyTorch's rule: output cell i covers the input cells from
 * floor(i * n / size) to ceil((i + 1) * n / size), so bins may overlap, and when n < size they repeat cells.
 * Where one of TensorFlow.js' own layers does the same it is taken: it is faster, and a saved model then needs
 * no class of ours to be loaded.
 */
export function adaptiveAveragePool(
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
  return new AdaptiveAveragePool({ name, size })
}

type AdaptiveAveragePoolConfig = ConstructorParameters<typeof tf.layers.Layer>[0] & { size: number }

/** The general case, as two matrix products: rows first, then columns. Input [n, h, w, c], output [n, size, size, c]. */
export class AdaptiveAveragePool extends tf.layers.Layer {
  static className = 'AdaptiveAveragePool'
  private readonly size: number

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
      const rows = tf.matMul(bins(h, this.size, n), x.reshape([n, h, w * c]))
      const cells = tf.matMul(bins(w, this.size, n * this.size), rows.reshape([n * this.size, w, c]))
      return cells.reshape([n, this.size, this.size, c])
    })
  }

  override getConfig(): tf.serialization.ConfigDict {
    return { ...super.getConfig(), size: this.size }
  }
}
tf.serialization.registerClass(AdaptiveAveragePool)

/** [count, size, length]: each matrix has 1 / bin length where output cell i covers input cell j, and 0 elsewhere. */
function bins(length: number, size: number, count: number): tf.Tensor3D {
  const matrix = new Float32Array(size * length)
  for (let i = 0; i < size; i++) {
    const start = Math.floor((i * length) / size)
    const end = Math.ceil(((i + 1) * length) / size)
    matrix.fill(1 / (end - start), i * length + start, i * length + end)
  }
  return tf.tile(tf.tensor3d(matrix, [1, size, length]), [count, 1, 1])
}
