import { type Architecture, ArchitectureError, type Feature } from './architecture.ts'
import { formatFeature, MAX_WIDTH, placeOf } from './features.ts'

export const LAYER_KINDS = [
  'CONV',
  'LRN',
  'BATCH_NORM',
  'RELU',
  'MAX_POOL',
  'ADAPTIVE_AVG_POOL',
  'FLATTEN',
  'DENSE',
  'DROPOUT',
  'SOFTMAX',
] as const
export type LayerKind = (typeof LAYER_KINDS)[number]

export interface LayerInfo {
  index: number
  /** torchvision's module name where it has one: features.0, avgpool, classifier.3; else flatten, softmax. */
  name: string
  kind: LayerKind
  /** [height, width]; null for what has no window. */
  kernelSize: [number, number] | null
  strides: [number, number] | null
  /** Filters of a convolution, outputs of a dense layer; null for the rest. */
  units: number | null
  /** [height, width, channels] or [units], without the batch. */
  outputShape: number[]
  /** What training changes: weights and biases, and of a batch norm its scale and shift (2 per channel). */
  parameterCount: number
  /** Per image, forward; convolutions and dense layers only, as papers count. */
  multiplyAdds: number
  /**
   * Edge in pixels of the square of the input that one output cell depends on. It may be larger than the
   * image, whose padding it then covers. Null from the first layer on whose cells see no common square.
   */
  receptiveField: number | null
}

export interface Analysis {
  layers: LayerInfo[]
  parameterCount: number
  multiplyAdds: number
  /** Convolutions and dense layers: the number in a VGG's name. */
  weightLayers: number
}

/**
 * Every layer of a network with its shape and costs, and their totals. The layers are those that `buildModel`
 * builds, plus the soft-max, which the loss and the predictor apply to the model's logits.
 *
 * @throws ArchitectureError when the list cannot work on this input; it names the entry.
 */
export function analyze(architecture: Architecture): Analysis {
  checkNumbers(architecture)
  const layers: LayerInfo[] = []
  const add = (layer: Partial<LayerInfo> & Pick<LayerInfo, 'name' | 'kind' | 'outputShape'>) => {
    layers.push({
      kernelSize: null,
      strides: null,
      units: null,
      parameterCount: 0,
      multiplyAdds: 0,
      receptiveField: null,
      ...layer,
      index: layers.length,
    })
  }
  const shape = addFeatures(architecture, add)
  addHead(architecture, shape, add)

  const total = (count: (layer: LayerInfo) => number) => layers.reduce((sum, layer) => sum + count(layer), 0)
  return {
    layers,
    parameterCount: total((layer) => layer.parameterCount),
    multiplyAdds: total((layer) => layer.multiplyAdds),
    weightLayers: layers.filter((layer) => layer.kind === 'CONV' || layer.kind === 'DENSE').length,
  }
}

type Add = (layer: Partial<LayerInfo> & Pick<LayerInfo, 'name' | 'kind' | 'outputShape'>) => void
type Grid = { height: number; width: number; channels: number; field: number }

function addFeatures(architecture: Architecture, add: Add): Grid {
  let [height, width, channels] = architecture.inputShape
  // Receptive field: a k x k window adds k - 1 steps, each as many input pixels as two neighbouring cells
  // are apart. So two 3x3 see 5 pixels, three see 7, and a pool doubles what comes after it.
  let field = 1
  let apart = 1
  let index = 0
  const next = () => `features.${index++}`

  architecture.features.forEach((feature, entry) => {
    if (feature.kind === 'pool') {
      if (height < 2 || width < 2) throw tooManyPools(architecture, feature, entry, height, width)
      height = Math.floor(height / 2)
      width = Math.floor(width / 2)
      field += apart
      apart *= 2
      add({
        name: next(),
        kind: 'MAX_POOL',
        kernelSize: [2, 2],
        strides: [2, 2],
        outputShape: [height, width, channels],
        receptiveField: field,
      })
      return
    }
    const weights = feature.kernel * feature.kernel * channels * feature.width
    channels = feature.width
    field += (feature.kernel - 1) * apart
    const outputShape = [height, width, channels]
    add({
      name: next(),
      kind: 'CONV',
      kernelSize: [feature.kernel, feature.kernel],
      strides: [1, 1],
      units: channels,
      outputShape,
      parameterCount: weights + channels,
      multiplyAdds: weights * height * width,
      receptiveField: field,
    })
    const each = { outputShape, receptiveField: field }
    if (architecture.batchNorm) {
      add({ ...each, name: next(), kind: 'BATCH_NORM', parameterCount: 2 * channels })
    }
    add({ ...each, name: next(), kind: 'RELU' })
    // After the ReLU, as in the network that the paper takes it from (Krizhevsky et al. 2012, section 3.3).
    if (feature.lrn) add({ ...each, name: next(), kind: 'LRN' })
  })
  return { height, width, channels, field }
}

function addHead({ head, classes }: Architecture, grid: Grid, add: Add): void {
  let { height, width } = grid
  if (head.kind === 'pooled') {
    // The bins of an adaptive pool may differ in size; only where it changes nothing is the field still one square.
    const same = height === head.size && width === head.size
    height = width = head.size
    add({
      name: 'avgpool',
      kind: 'ADAPTIVE_AVG_POOL',
      outputShape: [height, width, grid.channels],
      receptiveField: same ? grid.field : null,
    })
  }
  let inputs = height * width * grid.channels
  add({ name: 'flatten', kind: 'FLATTEN', outputShape: [inputs] })

  let index = 0
  const dense = (units: number) => {
    add({
      name: `classifier.${index++}`,
      kind: 'DENSE',
      units,
      outputShape: [units],
      parameterCount: inputs * units + units,
      multiplyAdds: inputs * units,
    })
    inputs = units
  }
  for (const units of head.hidden) {
    dense(units)
    add({ name: `classifier.${index++}`, kind: 'RELU', outputShape: [units] })
    if (head.dropout > 0) add({ name: `classifier.${index++}`, kind: 'DROPOUT', outputShape: [units] })
  }
  dense(classes)
  add({ name: 'softmax', kind: 'SOFTMAX', outputShape: [classes] })
}

function tooManyPools(
  { features, inputShape }: Architecture,
  feature: Feature,
  entry: number,
  height: number,
  width: number,
): ArchitectureError {
  const before = features.slice(0, entry).filter(({ kind }) => kind === 'pool').length
  return new ArchitectureError(
    `Feature list, ${placeOf(entry, formatFeature(feature))}: too many pools for an input of ` +
      `${inputShape[0]}x${inputShape[1]}. After ${before} of them ${height}x${width} is left, ` +
      `and a 2x2 pool needs 2x2. Take a pool out or give a larger input.`,
    entry,
  )
}

function checkNumbers({ features, inputShape, classes, head }: Architecture): void {
  const check = (what: string, value: number, most = MAX_WIDTH) => {
    if (!Number.isInteger(value) || value < 1 || value > most) {
      throw new ArchitectureError(`${what} is ${value}; it must be a whole number from 1 to ${most}.`)
    }
  }
  if (!features.some(({ kind }) => kind === 'conv')) {
    throw new ArchitectureError('The feature list has no convolution; it needs at least one, such as 64.')
  }
  features.forEach((feature, entry) => {
    if (feature.kind === 'pool') return
    if (Number.isInteger(feature.width) && feature.width >= 1 && feature.width <= MAX_WIDTH) return
    throw new ArchitectureError(
      `Feature list, ${placeOf(entry, formatFeature(feature))}: the width must be a whole number from 1 to ${MAX_WIDTH}.`,
      entry,
    )
  })
  check('The input height', inputShape[0])
  check('The input width', inputShape[1])
  check('The number of input channels', inputShape[2])
  check('The number of classes', classes)
  for (const units of head.hidden) check('The width of a hidden dense layer', units)
  if (head.kind === 'pooled') check('The size of the average pool', head.size)
  if (!(head.dropout >= 0 && head.dropout < 1)) {
    throw new ArchitectureError(`The dropout rate is ${head.dropout}; it must be at least 0 and below 1.`)
  }
}
