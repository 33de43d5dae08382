/** A layer that TensorFlow.js and Keras know by themselves. */
export interface StandardLayer {
  /** What it computes: a kind of the zoo, or AVG_POOL, UPSAMPLE, PERMUTE. */
  kind: string
  name: string
  /** The settings that decide what it computes, in words that are the same exactly when they are: "3x3 of 64". */
  settings: string
  /** Keras' class, and its config without name and trainable. */
  className: string
  config: object
  /** True for what computes nothing when a network answers. */
  isIdle?: boolean
  /** Of a dense layer without bias: this kernel [inputs, units], which is no weight of the network. */
  fixed?: { inputs: number; units: number; kernel: Float32Array }
}

/** TensorFlow.js gives a layer its first weights before it loads the others: random ones take minutes for VGG-16. */
export const ZEROS = { class_name: 'Zeros', config: {} }

/** MaxPooling2D or AveragePooling2D of whole windows. */
export function standardPool(
  kind: 'MAX_POOL' | 'AVG_POOL',
  name: string,
  poolSize: [number, number],
): StandardLayer {
  return {
    kind,
    name,
    settings: poolSize.join('x'),
    className: kind === 'MAX_POOL' ? 'MaxPooling2D' : 'AveragePooling2D',
    config: { pool_size: poolSize, strides: poolSize, padding: 'valid', data_format: 'channels_last' },
  }
}

export function standardDense(name: string, units: number, fixed?: StandardLayer['fixed']): StandardLayer {
  return {
    kind: 'DENSE',
    name,
    settings: `of ${units}`,
    className: 'Dense',
    config: {
      units,
      activation: 'linear',
      use_bias: fixed === undefined,
      kernel_initializer: ZEROS,
      trainable: fixed === undefined,
    },
    ...(fixed && { fixed }),
  }
}
