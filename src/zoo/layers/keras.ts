import { LayersModelError } from '../layers-model-error.ts'

/** A layer as a model.json has it. */
export interface KerasLayer {
  className: string
  name: string
  /** Names of the models that it lies in, from outside in, without the outermost. */
  within: readonly string[]
  config: Record<string, unknown>
}

/** What a layer of a model computes, in the terms of the zoo. */
export interface FoundLayer {
  /** As of a StandardLayer. */
  kind: string
  layer: KerasLayer
  /** What has to agree, beside the kind. */
  settings: string
  /** Variables that it was built without, by Keras' names. */
  without: readonly string[]
  /** What to add to the values of a variable so that the zoo's layer gives the same. */
  shifts: Readonly<Record<string, number>>
}

/** What layers of a Keras class compute, each one or several layers of the zoo; none for what computes nothing in prediction. */
export type KerasReader = (reading: LayerReading) => FoundLayer[]

/** A layer of a model at its place, and readers of its config that throw what is wrong with it. */
export interface LayerReading {
  config: Record<string, unknown>
  /** Of what it gets: [height, width, channels] or [length]. */
  shape: readonly number[]
  /** Zeros on each side that layers before it have added, and no convolution used yet; not counted in `shape`. */
  border: number
  /** Says what the next layer gets, where that is not of the same shape. */
  becomes(shape: readonly number[], border?: number): void
  /** The layer as one of a kind. */
  is(kind: string, settings?: string, more?: Partial<Pick<FoundLayer, 'without' | 'shifts'>>): FoundLayer
  /** What its `activation` computes. */
  activation(): FoundLayer[]
  wrong(what: string): LayersModelError
  /** The setting must be one of these; an absent one is Keras' default, the first. */
  must(key: string, ...allowed: unknown[]): void
  /** A setting that is a number for height and width, or both. */
  pair(key: string): [number, number]
}

/** What comes in a reading from the layers before. */
export interface ReadingPlace {
  shape: readonly number[]
  border: number
}

/**
 * @param place       what the layer gets; `becomes` writes what the next one gets
 * @param activated   the kind that computes an activation of this name, if any does
 */
export function openReading(
  layer: KerasLayer,
  place: ReadingPlace,
  activated: (name: unknown) => string | undefined,
): LayerReading {
  const { className, name, config } = layer
  const wrong = (what: string) => new LayersModelError(`Layer ${quote(name)} (${className}): ${what}`)
  const is: LayerReading['is'] = (kind, settings = '', more = {}) => ({
    kind,
    layer,
    settings,
    without: [],
    shifts: {},
    ...more,
  })
  const { shape, border } = place
  place.border = 0
  return {
    config,
    shape,
    border,
    becomes(next, added = 0) {
      place.shape = next
      place.border = added
    },
    is,
    activation() {
      const activation = activationName(config.activation)
      if (activation === 'linear') return []
      const kind = activated(activation)
      if (kind === undefined) {
        throw wrong(`its activation is ${quote(activation)}; a VGG has relu, and softmax at its end.`)
      }
      return [is(kind)]
    },
    wrong,
    must(key, ...allowed) {
      const value = config[key] ?? allowed[0]
      if (allowed.some((one) => JSON.stringify(one) === JSON.stringify(value))) return
      throw wrong(`its ${key} is ${quote(value)} and must be ${quote(allowed[0])}.`)
    },
    pair(key) {
      const value = config[key]
      const [height, width] = Array.isArray(value) ? value : [value, value]
      if (!Number.isInteger(height) || !Number.isInteger(width)) throw wrong(`its ${key} is ${quote(value)}.`)
      return [height, width]
    },
  }
}

/** Of a pool without overlaps: its window. Undefined for one of a single cell, which computes nothing. */
export function readWindow({ config, shape, becomes, wrong, must, pair }: LayerReading): string | undefined {
  const [height, width, channels] = shape as [number, number, number]
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
  if (rows === 1 && columns === 1) return undefined
  becomes([Math.floor(height / rows), Math.floor(width / columns), channels])
  return size.join('x')
}

/** A pool over all that there is, as one of that size, and Flatten where it leaves no grid. */
export function readGlobalPool(
  kind: string,
  { config, shape, becomes, is, must }: LayerReading,
): FoundLayer[] {
  const [height, width, channels] = shape as [number, number, number]
  must('data_format', 'channels_last', 'channelsLast')
  const keeps = config.keepdims === true
  becomes(keeps ? [1, 1, channels] : [channels])
  return [...(height * width > 1 ? [is(kind, `${height}x${width}`)] : []), ...(keeps ? [] : [is('FLATTEN')])]
}

/** Of a layer with `use_bias`: the variables that it was built without. */
export function withoutBias({ config }: LayerReading): Pick<FoundLayer, 'without'> {
  return { without: config.use_bias === false ? ['bias'] : [] }
}

/** For a message: short whatever the file holds. */
export function quote(value: unknown): string {
  const text = JSON.stringify(value) ?? 'undefined'
  return text.length > 60 ? `${text.slice(0, 60)}…` : text
}

/** Keras 3 writes a name or an object that has it as its config. */
function activationName(value: unknown): unknown {
  if (value === undefined || value === null) return 'linear'
  const { config, class_name } = value as Record<string, unknown>
  return typeof value === 'object' ? (typeof config === 'string' ? config : class_name) : value
}
