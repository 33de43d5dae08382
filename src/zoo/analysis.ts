import { type Architecture, ArchitectureError } from './architecture.ts'
import { formatFeature, placeOf } from './features.ts'
import { graphOf } from './graph.ts'
import { type Layer, type LayerNode, MAX_WIDTH, type Signal, UnfitLayer } from './layers/kind.ts'
import { type Feature, type KindName, kindOf, notationOf } from './layers/kinds.ts'

export interface LayerInfo extends Layer {
  kind: KindName
}

export interface Analysis {
  /** In the order of computing. */
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
  const [height, width, channels] = architecture.inputShape
  // A pixel sees itself, and the next one is one pixel away.
  const picture: Signal = { shape: [height, width, channels], field: 1, apart: 1 }
  const layers: LayerInfo[] = []
  const signals: Signal[] = []
  for (const node of graphOf(architecture)) {
    const inputs = node.inputs.map((place) => signals[place] ?? picture)
    const { layer, output } = measured(node, inputs, layers, architecture)
    layers.push(layer)
    signals.push(output)
  }

  const total = (count: (layer: LayerInfo) => number) => layers.reduce((sum, layer) => sum + count(layer), 0)
  return {
    layers,
    parameterCount: total((layer) => layer.parameterCount),
    multiplyAdds: total((layer) => layer.multiplyAdds),
    weightLayers: layers.filter(({ kind }) => kindOf(kind).isWeightLayer).length,
  }
}

function measured(
  node: LayerNode,
  inputs: readonly Signal[],
  earlier: readonly LayerInfo[],
  { inputShape, features }: Architecture,
): { layer: LayerInfo; output: Signal } {
  const { kind, name, entry } = node
  const before = earlier.reduce((count, layer) => count + Number(layer.kind === kind), 0)
  const result = kindOf(kind).measure(node, inputs, { inputShape, before })
  if (result instanceof UnfitLayer) {
    const place = entry === null ? `Layer ${name}` : inList(entry, features[entry]!)
    throw new ArchitectureError(`${place}: ${result.reason}`, entry)
  }
  const { output, parameterCount = 0, multiplyAdds = 0 } = result
  const layer: LayerInfo = {
    index: earlier.length,
    name,
    kind: kind as KindName,
    kernelSize: node.kernelSize,
    strides: node.strides,
    units: node.units,
    rate: node.rate,
    size: node.size,
    inputs: node.inputs,
    entry,
    inputShape: [...inputs[0]!.shape],
    outputShape: [...output.shape],
    parameterCount,
    multiplyAdds,
    receptiveField: output.field,
  }
  return { layer, output }
}

const inList = (entry: number, feature: Feature) => `Feature list, ${placeOf(entry, formatFeature(feature))}`

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
    const wrong = notationOf(feature).check(feature, entry)
    if (wrong !== null) throw new ArchitectureError(`${inList(entry, feature)}: ${wrong}`, entry)
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
