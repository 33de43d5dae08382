import type { Architecture } from '../architecture.ts'
import { type FoundLayer, type KerasLayer, quote } from '../layers/keras.ts'
import type { LayerKind } from '../layers/kind.ts'
import { LAYER_KINDS } from '../layers/kinds.ts'
import type { StandardLayer } from '../layers/standard-layer.ts'
import { LayersModelError } from '../layers-model-error.ts'
import { readLayers } from './keras-layers.ts'
import { standardLayers } from './standard-layers.ts'

/** A layer of the network that has weights, and what it is in the model. */
export interface MatchedLayer extends Pick<FoundLayer, 'without' | 'shifts'> {
  own: StandardLayer
  /** Of the model. */
  layer: KerasLayer
}

const KINDS: readonly Pick<LayerKind, 'name' | 'variables' | 'build'>[] = LAYER_KINDS
const HAVE_WEIGHTS = new Set(KINDS.filter(({ variables }) => variables !== null).map(({ name }) => name))
/** Without these at its end a model answers logits, and the weights are the same. */
const BEHIND_LOGITS = new Set(KINDS.filter(({ build }) => build === null).map(({ name }) => name))

/**
 * Matches the layers of a model with those of a network, one by one in their order, whatever they are called. So it is
 * sure that the weights mean the same in both.
 *
 * @throws LayersModelError that names the first layer that is not as the network has it
 */
export function matchLayers(layers: readonly KerasLayer[], architecture: Architecture): MatchedLayer[] {
  checkInputShape(layers, architecture)
  const expected = standardLayers(architecture).filter(({ isIdle }) => isIdle !== true)
  const found = readLayers(layers, architecture.inputShape)
  for (const layers of [found, expected]) if (BEHIND_LOGITS.has(layers.at(-1)?.kind ?? '')) layers.pop()
  const matched: MatchedLayer[] = []
  expected.forEach((own, index) => {
    const other = found[index]
    const wanted = inWords(own.kind, own.settings)
    if (other === undefined) {
      throw new LayersModelError(
        `The model ends before ${own.name} (${wanted}) of ${architecture.name}: it is another network.`,
      )
    }
    const { kind, layer, without, shifts } = other
    const isFixed = own.fixed !== undefined
    if (kind !== own.kind || other.settings !== own.settings || (isFixed && without.length === 0)) {
      throw new LayersModelError(
        `Layer ${quote(layer.name)} (${layer.className}) of the model is ${inWords(kind, other.settings)}, where ${architecture.name} has ${wanted}${isFixed ? ' without bias' : ''} (${own.name}).`,
      )
    }
    if (HAVE_WEIGHTS.has(own.kind)) matched.push({ own, layer, without, shifts })
  })
  const surplus = found[expected.length]
  if (surplus !== undefined) {
    throw new LayersModelError(
      `Layer ${quote(surplus.layer.name)} (${surplus.layer.className}) comes after the last layer of ${architecture.name}.`,
    )
  }
  return matched
}

/** What the model's own input says of the size of its pictures; null for what is left open. */
function checkInputShape([first]: readonly KerasLayer[], { inputShape }: Architecture): void {
  const said = first?.config.batch_input_shape ?? first?.config.batch_shape
  if (!Array.isArray(said) || said.length !== 4) return
  const [height, width, channels] = said.slice(1)
  const isOf = (one: unknown, own: number) => one === null || one === own
  if (channels !== null && channels !== inputShape[2]) {
    throw new LayersModelError(
      channels !== inputShape[2] && height === inputShape[2]
        ? `The model takes [${said.slice(1)}], channels first; channels_last is read.`
        : `The model takes pictures of ${channels} channels, and ${inputShape[2]} are read: R, G and B.`,
    )
  }
  if (isOf(height, inputShape[0]) && isOf(width, inputShape[1])) return
  throw new LayersModelError(
    `The model takes pictures of ${height}x${width}, and the size of its preprocessing is ${inputShape[0]}x${inputShape[1]}: say preprocessing.size [${height}, ${width}].`,
  )
}

const inWords = (kind: string, settings: string) => `${kind} ${settings}`.trim()
