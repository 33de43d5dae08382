import { type KerasLayer, quote } from '../layers/keras.ts'
import { LayersModelError } from '../layers-model-error.ts'

/** More than any network of the zoo has. */
const MAX_LAYERS = 1000
const MODELS = ['Sequential', 'Model', 'Functional']

/**
 * The layers of a model, in the order in which they compute: of a Sequential, or of a functional model in which each
 * layer has one other as its only input. Models in the place of a layer are taken apart.
 *
 * @param topology  modelTopology of a model.json, of TensorFlow.js, Keras 2 or Keras 3
 * @throws LayersModelError that says what is not of this form
 */
export function readTopology(topology: unknown): KerasLayer[] {
  const model = isObject(topology) ? (topology.model_config ?? topology) : topology
  if (isObject(topology) && Array.isArray(topology.node)) throw graphModel()
  return layersOf(objectOf(model, 'modelTopology'), [])
}

/** How many values the last dense layer answers; null when nothing says so. */
export function outputsOf(layers: readonly KerasLayer[]): number | null {
  const units = layers.findLast(({ className }) => className === 'Dense')?.config.units
  return Number.isInteger(units) ? Number(units) : null
}

/** For a model.json that is written for `tf.loadGraphModel`. */
export function graphModel(): LayersModelError {
  return new LayersModelError(
    'This is a TF.js graph model: it has operations in the place of layers. Convert the Keras model with tensorflowjs_converter --output_format=tfjs_layers_model.',
  )
}

function layersOf(model: Record<string, unknown>, within: readonly string[]): KerasLayer[] {
  const className = model.class_name
  if (typeof className !== 'string' || !MODELS.includes(className)) {
    throw new LayersModelError(
      `The model is a ${quote(className)}; a Sequential, Model or Functional is read.`,
    )
  }
  // Early versions saved a Sequential's layers without a configuration around them.
  const list = Array.isArray(model.config) ? model.config : objectOf(model.config, 'its config').layers
  if (!Array.isArray(list)) throw new LayersModelError('The model has no list of layers.')
  tooMany(list)
  const named = list.map((value, index) => {
    const layer = objectOf(value, `layer ${index}`)
    const config = Array.isArray(layer.config) ? {} : objectOf(layer.config, `the config of layer ${index}`)
    const name = config.name ?? layer.name
    if (typeof layer.class_name !== 'string' || typeof name !== 'string') {
      throw new LayersModelError(`Layer ${index} has no class_name or no name.`)
    }
    return { className: layer.class_name, name, within, config, layer }
  })
  const chain = className === 'Sequential' ? named : inChain(named)
  const layers = chain.flatMap(({ layer, ...own }): KerasLayer[] =>
    MODELS.includes(own.className) ? layersOf(layer, [...within, own.name]) : [own],
  )
  tooMany(layers)
  return layers
}

function tooMany(layers: readonly unknown[]): void {
  if (layers.length <= MAX_LAYERS) return
  throw new LayersModelError(`The model has ${layers.length} layers; at most ${MAX_LAYERS} are read.`)
}

interface NamedLayer {
  name: string
  layer: Record<string, unknown>
}

/** From the one layer without input to the one that is nobody's. */
function inChain<T extends NamedLayer>(layers: readonly T[]): T[] {
  const byInput = new Map<string | undefined, T>()
  for (const layer of layers) {
    const inputs = inputsOf(layer.layer.inbound_nodes)
    if (inputs.length > 1 || byInput.has(inputs[0])) throw noChain(layer)
    byInput.set(inputs[0], layer)
  }
  const chain: T[] = []
  for (let next = byInput.get(undefined); next !== undefined; next = byInput.get(next.name)) {
    byInput.delete(inputsOf(next.layer.inbound_nodes)[0])
    chain.push(next)
  }
  const [left] = byInput.values()
  if (left !== undefined) throw noChain(left)
  return chain
}

function noChain({ name }: NamedLayer): LayersModelError {
  return new LayersModelError(
    `Layer ${quote(name)} does not have exactly one other layer before it, or not alone: the model is no chain of layers, as a VGG is.`,
  )
}

/**
 * inbound_nodes: one item for each use of the layer. To TensorFlow.js and Keras 2 it is a list of tensors
 * [layer, node, tensor, arguments]; to Keras 3 an object whose args hold tensors with a keras_history [layer, node, tensor].
 */
function inputsOf(nodes: unknown): string[] {
  const uses = Array.isArray(nodes) ? nodes : []
  return uses.flatMap((use): string[] => {
    if (isObject(use)) return historiesIn(use.args)
    return (Array.isArray(use) ? use : [use]).map((input) => String(Array.isArray(input) ? input[0] : input))
  })
}

function historiesIn(args: unknown): string[] {
  if (Array.isArray(args)) return args.flatMap(historiesIn)
  const history = isObject(args) && isObject(args.config) ? args.config.keras_history : undefined
  return Array.isArray(history) ? [String(history[0])] : []
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function objectOf(value: unknown, what: string): Record<string, unknown> {
  if (!isObject(value))
    throw new LayersModelError(`The model.json is no LayersModel: ${what} is not an object.`)
  return value
}
