import type { Architecture } from '../architecture.ts'
import { BATCH_NORM_EPSILON } from './export-layers-model.ts'
import { type KerasLayer, quote } from './keras-topology.ts'
import { LayersModelError, type StandardLayer, standardLayers } from './standard-layers.ts'

/** A layer of the network that has weights, and the one of the model that has them. */
export interface MatchedLayer {
  layer: StandardLayer
  /** The layer's name in the model. */
  name: string
  /** What to add to the variances of a batch norm so that the zoo's epsilon gives the same: 0 for other layers. */
  varianceShift: number
}

/** What a layer of the model computes, in the terms of the zoo; null for one that computes nothing. */
interface Found {
  kind: StandardLayer['kind']
  name: string
  className: string
  /** What has to agree, beside the kind. */
  settings: string
  varianceShift: number
}

/**
 * Matches the layers of a model with those of a network, one by one in their order, whatever they are called. So it is
 * sure that the weights mean the same in both.
 *
 * @throws LayersModelError that names the first layer that is not as the network has it
 */
export function matchLayers(layers: readonly KerasLayer[], architecture: Architecture): MatchedLayer[] {
  const expected = standardLayers(architecture).filter(computes)
  const found = layers.flatMap(read)
  // Without it the model answers logits, and the weights are the same.
  if (found.at(-1)?.kind === 'SOFTMAX') found.pop()
  if (expected.at(-1)?.kind === 'SOFTMAX') expected.pop()
  const matched: MatchedLayer[] = []
  expected.forEach((layer, index) => {
    const other = found[index]
    const wanted = `${layer.kind} ${settingsOf(layer)}`.trim()
    if (other === undefined) {
      throw new LayersModelError(
        `The model ends before ${layer.name} (${wanted}) of ${architecture.name}: it is another network.`,
      )
    }
    const { kind, settings, className, name, varianceShift } = other
    if (kind !== layer.kind || settings !== settingsOf(layer)) {
      throw new LayersModelError(
        `Layer ${quote(name)} (${className}) of the model is ${`${kind} ${settings}`.trim()}, where ${architecture.name} has ${wanted} (${layer.name}).`,
      )
    }
    if (layer.kind === 'CONV' || layer.kind === 'BATCH_NORM' || layer.kind === 'DENSE') {
      matched.push({ layer, name, varianceShift })
    }
  })
  const surplus = found[expected.length]
  if (surplus !== undefined) {
    throw new LayersModelError(
      `Layer ${quote(surplus.name)} (${surplus.className}) comes after the last layer of ${architecture.name}.`,
    )
  }
  return matched
}

function computes({ kind }: StandardLayer): boolean {
  return kind !== 'DROPOUT'
}

/** In words that are the same exactly when the settings are. */
function settingsOf(layer: StandardLayer): string {
  switch (layer.kind) {
    case 'CONV':
      return `${layer.kernelSize.join('x')} of ${layer.filters}`
    case 'MAX_POOL':
    case 'AVG_POOL':
      return layer.poolSize.join('x')
    case 'UPSAMPLE':
      return layer.size.join('x')
    case 'PERMUTE':
      return layer.dims.join(',')
    case 'DENSE':
      return `of ${layer.units}${layer.fixed === undefined ? '' : ' without bias'}`
    default:
      return ''
  }
}

function read({ className, name, config }: KerasLayer): Found[] {
  const wrong = (what: string) => new LayersModelError(`Layer ${quote(name)} (${className}): ${what}`)
  const is = (kind: Found['kind'], settings = '', varianceShift = 0): Found => ({
    kind,
    name,
    className,
    settings,
    varianceShift,
  })
  /** The setting must be one of these; an absent one is Keras' default, the first. */
  const must = (key: string, ...allowed: unknown[]) => {
    const value = config[key] ?? allowed[0]
    if (allowed.some((one) => JSON.stringify(one) === JSON.stringify(value))) return
    throw wrong(`its ${key} is ${quote(value)} and must be ${quote(allowed[0])}.`)
  }
  const pair = (key: string): string => {
    const value = config[key]
    const [height, width] = Array.isArray(value) ? value : [value, value]
    if (!Number.isInteger(height) || !Number.isInteger(width)) throw wrong(`its ${key} is ${quote(value)}.`)
    return `${height}x${width}`
  }
  const activation = (value: unknown): Found[] => {
    if (value === undefined || value === null || value === 'linear') return []
    if (value === 'relu') return [is('RELU')]
    if (value === 'softmax') return [is('SOFTMAX')]
    throw wrong(`its activation is ${quote(value)}; a VGG has relu, and softmax at its end.`)
  }

  switch (className) {
    case 'InputLayer':
    case 'Dropout':
      return []
    case 'Conv2D': {
      must('strides', [1, 1], 1)
      must('dilation_rate', [1, 1], 1)
      must('data_format', 'channels_last', 'channelsLast')
      must('use_bias', true)
      must('groups', 1)
      const kernel = pair('kernel_size')
      // Nothing is padded around a kernel of one pixel.
      if (kernel !== '1x1' && config.padding !== 'same') {
        throw wrong(`its padding is ${quote(config.padding ?? 'valid')} and must be "same".`)
      }
      return [is('CONV', `${kernel} of ${config.filters}`), ...activation(config.activation)]
    }
    case 'BatchNormalization': {
      must('axis', -1, 3, [3], [-1])
      must('center', true)
      must('scale', true)
      const epsilon = config.epsilon ?? 1e-3
      if (typeof epsilon !== 'number' || !(epsilon > 0 && epsilon < 1)) {
        throw wrong(`its epsilon is ${quote(epsilon)}.`)
      }
      return [is('BATCH_NORM', '', epsilon === BATCH_NORM_EPSILON ? 0 : epsilon - BATCH_NORM_EPSILON)]
    }
    case 'ReLU':
      must('max_value', null)
      must('negative_slope', 0, null)
      must('threshold', 0, null)
      return [is('RELU')]
    case 'Activation':
      return activation(config.activation)
    case 'Softmax':
      return [is('SOFTMAX')]
    case 'MaxPooling2D':
    case 'AveragePooling2D': {
      const size = pair('pool_size')
      if (config.strides !== undefined && config.strides !== null && pair('strides') !== size) {
        throw wrong(`its strides are ${pair('strides')} and must be ${size}, as its pool_size.`)
      }
      must('padding', 'valid')
      must('data_format', 'channels_last', 'channelsLast')
      return [is(className === 'MaxPooling2D' ? 'MAX_POOL' : 'AVG_POOL', size)]
    }
    case 'UpSampling2D':
      must('interpolation', 'nearest')
      must('data_format', 'channels_last', 'channelsLast')
      return [is('UPSAMPLE', pair('size'))]
    case 'Permute':
      return [is('PERMUTE', Array.isArray(config.dims) ? config.dims.join(',') : '')]
    case 'Flatten':
      must('data_format', 'channels_last', 'channelsLast')
      return [is('FLATTEN')]
    case 'Dense': {
      const bias = config.use_bias === false ? ' without bias' : ''
      return [is('DENSE', `of ${config.units}${bias}`), ...activation(config.activation)]
    }
    default:
      throw wrong('a VGG has no such layer.')
  }
}
