import {
  type FoundLayer,
  type KerasLayer,
  type KerasReader,
  type LayerReading,
  openReading,
  type ReadingPlace,
} from '../layers/keras.ts'
import type { LayerKind } from '../layers/kind.ts'
import { LAYER_KINDS } from '../layers/kinds.ts'

const KINDS: readonly Pick<LayerKind, 'name' | 'keras'>[] = LAYER_KINDS

/** Layers that compute nothing when a network answers: what they change, they change in training alone. */
const NOTHING = new Set([
  ...KINDS.flatMap(({ keras }) => keras.idle ?? []),
  'InputLayer',
  'Identity',
  'GaussianNoise',
  'ActivityRegularization',
  'RandomFlip',
  'RandomRotation',
  'RandomTranslation',
  'RandomZoom',
  'RandomContrast',
  'RandomBrightness',
])

/** Layers of no kind of their own. */
const OTHERS: Readonly<Record<string, KerasReader>> = {
  Activation: ({ activation }) => activation(),
  Resizing: readSize,
  CenterCrop: readSize,
  Rescaling({ config, wrong }) {
    if (config.scale === 1 && (config.offset ?? 0) === 0) return []
    throw wrong(`pixels are scaled before the network: leave it out and say mean and std${rescaled(config)}.`)
  },
  Normalization({ wrong }) {
    throw wrong('pixels are normalised before the network: leave it out and say its mean and std.')
  },
}

const READERS = new Map<string, KerasReader>(
  [OTHERS, ...KINDS.map(({ keras }) => keras.readers ?? {})].flatMap((readers) => Object.entries(readers)),
)
const TAKE_BORDERS = new Set(
  KINDS.flatMap(({ keras }) => (keras.takesBorder ? Object.keys(keras.readers ?? {}) : [])),
)
const BY_ACTIVATION = new Map<unknown, string>(
  KINDS.flatMap(({ name, keras }) => (keras.activation === undefined ? [] : [[keras.activation, name]])),
)
const IDEMPOTENT = new Set<string>(KINDS.filter(({ keras }) => keras.isIdempotent).map(({ name }) => name))

/**
 * What the layers of a model compute, one after the other, in the terms of the zoo. Layers that compute nothing are left
 * out, and those that give the same as others are the others: a border of zeros before a convolution that adds none,
 * and a convolution that adds one; a global pool, and one of the size of its input with Flatten.
 *
 * @param inputShape  [height, width, channels]
 * @throws LayersModelError for a layer that no VGG has
 */
export function readLayers(layers: readonly KerasLayer[], inputShape: readonly number[]): FoundLayer[] {
  const place: ReadingPlace = { shape: inputShape, border: 0 }
  const found = layers.flatMap((layer) => readLayer(layer, place))
  return found.filter(({ kind }, index) => !IDEMPOTENT.has(kind) || found[index - 1]?.kind !== kind)
}

function readLayer(layer: KerasLayer, place: ReadingPlace): FoundLayer[] {
  if (NOTHING.has(layer.className)) return []
  const reading = openReading(layer, place, (name) => BY_ACTIVATION.get(name))
  if (reading.border > 0 && !TAKE_BORDERS.has(layer.className)) {
    throw reading.wrong('a border of zeros comes before it, and a VGG adds one before convolutions only.')
  }
  const read = READERS.get(layer.className)
  if (read === undefined) throw reading.wrong('a VGG has no such layer.')
  return read(reading)
}

function readSize({ config, shape: [height, width], wrong }: LayerReading): FoundLayer[] {
  if (config.height === height && config.width === width) return []
  throw wrong('pictures are brought to a size before the network: leave it out and say preprocessing.size.')
}

/** For a message: the mean and std of pixels in 0..1 that do what x * scale + offset does to those in 0..255. */
function rescaled({ scale, offset = 0 }: Record<string, unknown>): string {
  if (typeof scale !== 'number' || typeof offset !== 'number' || !(scale > 0)) return ''
  const digits = (value: number) => Number(value.toPrecision(6))
  const [mean, std] = [digits(-offset / (255 * scale)), digits(1 / (255 * scale))]
  return `, ${mean} and ${std} for R, G and B if it takes 0..255`
}
