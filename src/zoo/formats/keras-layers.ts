import { EPSILON } from '../layers/batch-normalization.ts'
import type { StandardLayer } from '../layers/standard-layer.ts'
import { type KerasLayer, quote } from './keras-topology.ts'
import { LayersModelError } from './standard-layers.ts'

/** What a layer of a model computes, in the terms of the zoo. */
export interface FoundLayer {
  kind: StandardLayer['kind']
  layer: KerasLayer
  /** What has to agree, beside the kind. */
  settings: string
  /** Weights that it was built without. */
  without: readonly ('bias' | 'gamma' | 'beta')[]
  /** What to add to the variances of a batch norm so that the zoo's epsilon gives the same: 0 for other layers. */
  varianceShift: number
}

/** Layers that compute nothing when a network answers: what they change, they change in training alone. */
const NOTHING = new Set([
  'InputLayer',
  'Identity',
  'Dropout',
  'SpatialDropout1D',
  'SpatialDropout2D',
  'SpatialDropout3D',
  'AlphaDropout',
  'GaussianDropout',
  'GaussianNoise',
  'ActivityRegularization',
  'RandomFlip',
  'RandomRotation',
  'RandomTranslation',
  'RandomZoom',
  'RandomContrast',
  'RandomBrightness',
])

/**
 * What the layers of a model compute, one after the other, in the terms of the zoo. Layers that compute nothing are left
 * out, and those that give the same as others are the others: a border of zeros before a convolution that adds none,
 * and a convolution that adds one; a global pool, and one of the size of its input with Flatten.
 *
 * @param inputShape  [height, width, channels]
 * @throws LayersModelError for a layer that no VGG has
 */
export function readLayers(layers: readonly KerasLayer[], inputShape: readonly number[]): FoundLayer[] {
  const state: State = { shape: [...inputShape], border: 0 }
  const found = layers.flatMap((layer) => readLayer(layer, state))
  // ReLU of ReLU is ReLU.
  return found.filter(({ kind }, index) => kind !== 'RELU' || found[index - 1]?.kind !== 'RELU')
}

interface State {
  /** Of what the next layer gets: [height, width, channels] or [length]. */
  shape: number[]
  /** Zeros on each side that a ZeroPadding2D has added, and no convolution used yet; not counted in `shape`. */
  border: number
}

function readLayer(layer: KerasLayer, state: State): FoundLayer[] {
  const { className, config } = layer
  if (NOTHING.has(className)) return []
  const setting = settingsOf(layer)
  const { wrong, must, pair } = setting
  const is = (kind: FoundLayer['kind'], settings = '', more: Partial<FoundLayer> = {}): FoundLayer => ({
    kind,
    layer,
    settings,
    without: [],
    varianceShift: 0,
    ...more,
  })
  const activation = (value: unknown): FoundLayer[] => {
    const name = activationName(value)
    if (name === 'linear') return []
    if (name === 'relu') return [is('RELU')]
    if (name === 'softmax') return [is('SOFTMAX')]
    throw wrong(`its activation is ${quote(name)}; a VGG has relu, and softmax at its end.`)
  }
  const border = state.border
  state.border = 0
  if (border > 0 && className !== 'Conv2D' && className !== 'ZeroPadding2D') {
    throw wrong('a border of zeros comes before it, and a VGG adds one before convolutions only.')
  }
  const [height, width, channels] = state.shape as [number, number, number]
  const isGrid = state.shape.length === 3

  switch (className) {
    case 'ZeroPadding2D': {
      must('data_format', 'channels_last', 'channelsLast')
      state.border = border + setting.border()
      return []
    }
    case 'Conv2D': {
      must('strides', [1, 1], 1)
      must('dilation_rate', [1, 1], 1)
      must('data_format', 'channels_last', 'channelsLast')
      must('groups', 1)
      const kernel = pair('kernel_size')
      // What "same" adds on each side of a kernel of this size: nothing to 1x1.
      const same = (kernel[0] - 1) / 2
      const added = config.padding === 'same' ? same : 0
      const isSame = config.padding === 'same' && border === 0
      if (!isSame && (kernel[0] !== kernel[1] || added + border !== same)) {
        throw wrong(
          border === 0
            ? `its padding is ${quote(config.padding ?? 'valid')} and must be "same".`
            : `it has a border of ${border + added} zeros and must have ${same}.`,
        )
      }
      state.shape = [height, width, Number(config.filters)]
      const without = config.use_bias === false ? (['bias'] as const) : []
      return [
        is('CONV', `${kernel.join('x')} of ${config.filters}`, { without }),
        ...activation(config.activation),
      ]
    }
    case 'BatchNormalization': {
      must('axis', -1, 3, [3], [-1])
      const epsilon = config.epsilon ?? 1e-3
      if (typeof epsilon !== 'number' || !(epsilon > 0 && epsilon < 1)) {
        throw wrong(`its epsilon is ${quote(epsilon)}.`)
      }
      return [
        is('BATCH_NORM', '', {
          varianceShift: epsilon === EPSILON ? 0 : epsilon - EPSILON,
          without: [
            ...(config.scale === false ? (['gamma'] as const) : []),
            ...(config.center === false ? (['beta'] as const) : []),
          ],
        }),
      ]
    }
    case 'ReLU':
      must('max_value', null)
      must('negative_slope', 0, null)
      must('threshold', 0, null)
      return [is('RELU')]
    case 'LeakyReLU':
      if ((config.negative_slope ?? config.alpha) !== 0) throw wrong('a VGG has ReLU.')
      return [is('RELU')]
    case 'Activation':
      return activation(config.activation)
    case 'Softmax':
      must('axis', -1, state.shape.length)
      return [is('SOFTMAX')]
    case 'MaxPooling2D':
    case 'AveragePooling2D': {
      must('data_format', 'channels_last', 'channelsLast')
      const size = pair('pool_size')
      const [rows, columns] = size
      const isWhole = rows === height && columns === width
      const strides = config.strides === undefined || config.strides === null ? size : pair('strides')
      if (!isWhole && strides.join() !== size.join()) {
        throw wrong(`its strides are ${strides.join('x')} and must be ${size.join('x')}, as its pool_size.`)
      }
      // "same" adds nothing to sides that the pool divides.
      if (height % rows !== 0 || width % columns !== 0) must('padding', 'valid')
      if (rows === 1 && columns === 1) return []
      state.shape = [Math.floor(height / rows), Math.floor(width / columns), channels]
      return [is(className === 'MaxPooling2D' ? 'MAX_POOL' : 'AVG_POOL', size.join('x'))]
    }
    case 'GlobalAveragePooling2D':
    case 'GlobalMaxPooling2D': {
      must('data_format', 'channels_last', 'channelsLast')
      const pool = is(className === 'GlobalMaxPooling2D' ? 'MAX_POOL' : 'AVG_POOL', `${height}x${width}`)
      const keeps = config.keepdims === true
      state.shape = keeps ? [1, 1, channels] : [channels]
      return [...(height * width > 1 ? [pool] : []), ...(keeps ? [] : [is('FLATTEN')])]
    }
    case 'UpSampling2D': {
      must('interpolation', 'nearest')
      must('data_format', 'channels_last', 'channelsLast')
      const size = pair('size')
      state.shape = [height * size[0], width * size[1], channels]
      return [is('UPSAMPLE', size.join('x'))]
    }
    case 'Permute': {
      const dims = Array.isArray(config.dims) ? config.dims : []
      if (dims.every((dim, index) => dim === index + 1)) return []
      state.shape = dims.map((dim) => state.shape[Number(dim) - 1]!)
      return [is('PERMUTE', dims.join(','))]
    }
    case 'Flatten': {
      must('data_format', 'channels_last', 'channelsLast')
      if (!isGrid) return []
      state.shape = [height * width * channels]
      return [is('FLATTEN')]
    }
    case 'Reshape': {
      const to = Array.isArray(config.target_shape) ? config.target_shape : []
      const length = state.shape.reduce((product, it) => product * it, 1)
      const rest = to.reduce((product, it) => (it === -1 ? product : product * it), 1)
      const shape: unknown[] = to.map((it) => (it === -1 ? length / rest : it))
      if (String(shape) === String(state.shape)) return []
      if (shape.length !== 1 || shape[0] !== length) {
        throw wrong(`it makes [${shape}] of [${state.shape}]; a VGG flattens, and nothing else.`)
      }
      state.shape = [length]
      return [is('FLATTEN')]
    }
    case 'Dense': {
      state.shape = [...state.shape.slice(0, -1), Number(config.units)]
      const without = config.use_bias === false ? (['bias'] as const) : []
      return [is('DENSE', `of ${config.units}`, { without }), ...activation(config.activation)]
    }
    case 'Resizing':
    case 'CenterCrop':
      if (config.height === height && config.width === width) return []
      throw wrong(
        'pictures are brought to a size before the network: leave it out and say preprocessing.size.',
      )
    case 'Rescaling':
      if (config.scale === 1 && (config.offset ?? 0) === 0) return []
      throw wrong(
        `pixels are scaled before the network: leave it out and say mean and std${rescaled(config)}.`,
      )
    case 'Normalization':
      throw wrong('pixels are normalised before the network: leave it out and say its mean and std.')
    default:
      throw wrong('a VGG has no such layer.')
  }
}

/** Readers of a layer's settings that throw what is wrong with one. */
function settingsOf({ className, name, config }: KerasLayer) {
  const wrong = (what: string) => new LayersModelError(`Layer ${quote(name)} (${className}): ${what}`)
  return {
    wrong,
    /** The setting must be one of these; an absent one is Keras' default, the first. */
    must(key: string, ...allowed: unknown[]): void {
      const value = config[key] ?? allowed[0]
      if (allowed.some((one) => JSON.stringify(one) === JSON.stringify(value))) return
      throw wrong(`its ${key} is ${quote(value)} and must be ${quote(allowed[0])}.`)
    },
    pair(key: string): [number, number] {
      const value = config[key]
      const [height, width] = Array.isArray(value) ? value : [value, value]
      if (!Number.isInteger(height) || !Number.isInteger(width)) throw wrong(`its ${key} is ${quote(value)}.`)
      return [height, width]
    },
    /** Of a ZeroPadding2D: n, [n, n] or [[n, n], [n, n]]. */
    border(): number {
      const sides = [config.padding ?? 1].flat(2)
      const [first] = sides
      if (Number.isInteger(first) && sides.every((side) => side === first)) return Number(first)
      throw wrong(`its padding is ${quote(config.padding)}; a VGG's is the same on all sides.`)
    },
  }
}

/** Keras 3 writes a name or an object that has it as its config. */
function activationName(value: unknown): unknown {
  if (value === undefined || value === null) return 'linear'
  const { config, class_name } = value as Record<string, unknown>
  return typeof value === 'object' ? (typeof config === 'string' ? config : class_name) : value
}

/** For a message: the mean and std of pixels in 0..1 that do what x * scale + offset does to those in 0..255. */
function rescaled({ scale, offset = 0 }: Record<string, unknown>): string {
  if (typeof scale !== 'number' || typeof offset !== 'number' || !(scale > 0)) return ''
  const digits = (value: number) => Number(value.toPrecision(6))
  const [mean, std] = [digits(-offset / (255 * scale)), digits(1 / (255 * scale))]
  return `, ${mean} and ${std} for R, G and B if it takes 0..255`
}
