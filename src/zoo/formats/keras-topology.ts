import { LayersModelError } from './standard-layers.ts'

/** A layer as a model.json has it. */
export interface KerasLayer {
  className: string
  name: string
  config: Record<string, unknown>
}

/** More than any network of the zoo has. */
const MAX_LAYERS = 1000

/**
 * The layers of a model, in the order in which they compute: of a Sequential, or of a functional model in which each
 * layer has the one before it as its only input.
 *
 * @param topology  modelTopology of a model.json
 * @throws LayersModelError that says what is not of this form
 */
export function readTopology(topology: unknown): KerasLayer[] {
  const model = objectOf(isObject(topology) ? (topology.model_config ?? topology) : topology, 'modelTopology')
  const className = model.class_name
  if (className !== 'Sequential' && className !== 'Model' && className !== 'Functional') {
    throw new LayersModelError(
      `The model is a ${quote(className)}; a Sequential, Model or Functional is read.`,
    )
  }
  // Early versions saved a Sequential's layers without a configuration around them.
  const list = Array.isArray(model.config) ? model.config : objectOf(model.config, 'its config').layers
  if (!Array.isArray(list)) throw new LayersModelError('The model has no list of layers.')
  if (list.length > MAX_LAYERS) {
    throw new LayersModelError(`The model has ${list.length} layers; at most ${MAX_LAYERS} are read.`)
  }
  const layers = list.map((value, index): KerasLayer => {
    const layer = objectOf(value, `layer ${index}`)
    const config = objectOf(layer.config, `the config of layer ${index}`)
    const name = config.name ?? layer.name
    if (typeof layer.class_name !== 'string' || typeof name !== 'string') {
      throw new LayersModelError(`Layer ${index} has no class_name or no name.`)
    }
    return { className: layer.class_name, name, config }
  })
  if (className !== 'Sequential') {
    list.forEach((layer, index) => {
      checkInput((layer as Record<string, unknown>).inbound_nodes, layers, index)
    })
  }
  return layers
}

/** inbound_nodes: one list of tensors for each use of the layer, a tensor being [layer, node, tensor, arguments]. */
function checkInput(nodes: unknown, layers: readonly KerasLayer[], index: number): void {
  const { name } = layers[index]!
  const isFirst = index === 0
  const uses = Array.isArray(nodes) ? nodes : []
  const inputs = uses.flatMap((use) => (Array.isArray(use) ? use : [use]))
  const from = inputs.map((input) => (Array.isArray(input) ? input[0] : input))
  const expected = isFirst ? [] : [layers[index - 1]!.name]
  if (from.length === expected.length && from.every((one, at) => one === expected[at])) return
  throw new LayersModelError(
    `Layer ${quote(name)} does not have exactly the layer before it as its input: the model is no chain of layers, as a VGG is.`,
  )
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function objectOf(value: unknown, what: string): Record<string, unknown> {
  if (!isObject(value))
    throw new LayersModelError(`The model.json is no LayersModel: ${what} is not an object.`)
  return value
}

/** For a message: short whatever the file holds. */
export function quote(value: unknown): string {
  const text = JSON.stringify(value) ?? 'undefined'
  return text.length > 60 ? `${text.slice(0, 60)}…` : text
}
