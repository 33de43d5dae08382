import { isDeepStrictEqual } from 'node:util'
import { analyze } from './analysis.ts'
import type { Architecture } from './architecture.ts'
import type { Layer } from './layers/kind.ts'
import { kindOf } from './layers/kinds.ts'
import { torchTensors } from './torch-layout.ts'

/** Which of a network's layers are frozen: none, the convolutional part, or those up to a layer and with it. */
export type Freeze = 'NONE' | 'FEATURES' | { upTo: string }

/** What becomes of the last classifier layer: it keeps its weights and classes, or is drawn anew. */
export const HEADS = ['KEEP', 'NEW'] as const
export type Head = (typeof HEADS)[number]

/** The first layers of a network, which compute as in prediction and are not trained. */
export interface FrozenPart {
  /** How many of the network's layers: with those behind the last one named that have nothing to train either. */
  layers: number
  /** Those of them that have weights. */
  names: string[]
}

/** @returns a sentence where this cannot be frozen */
export function frozenPart(architecture: Architecture, freeze: Freeze): FrozenPart | string {
  if (freeze === 'NONE') return { layers: 0, names: [] }
  const { layers } = analyze(architecture)
  const last = lastDense(layers).index
  const wanted =
    freeze === 'FEATURES'
      ? layers.findLast(({ entry }) => entry !== null)!
      : layers.find(({ name }) => name === freeze.upTo)
  if (wanted === undefined) {
    return `There is no layer "${(freeze as { upTo: string }).upTo}" in ${architecture.name}. Its layers with weights: ${namesOf(layers).join(', ')}.`
  }
  if (wanted.index >= last) {
    return `${wanted.name} belongs to the head, whose last layer ${layers[last]!.name} is always trained. Freeze up to ${layers[last - 1]!.name} at most.`
  }
  let end = wanted.index + 1
  while (end < last && isIdle(layers[end]!)) end += 1
  if (!isCut(layers, end)) {
    const cuts = layers.flatMap(({ name, index }) => (isCut(layers, index + 1) ? [name] : []))
    return `${wanted.name} lies beside a residual connection, which would be frozen in part. Freeze up to one of ${cuts.slice(0, -2).join(', ')}.`
  }
  return { layers: end, names: namesOf(layers.slice(0, end)) }
}

/**
 * The layers of a network that are drawn anew when it begins with the weights of another one, both fitted to their
 * pictures and classes: the last one, or all of the classifier where that cannot take over anything.
 *
 * @returns a sentence where it cannot begin with them
 */
export function layersAnew(from: Architecture, to: Architecture, head: Head): string[] | string {
  if (!isDeepStrictEqual([from.features, from.batchNorm], [to.features, to.batchNorm])) {
    return `These are weights of ${from.name}, whose convolutional part is another one: ${to.name} cannot begin with them.`
  }
  const theirs = torchTensors(from)
  const ours = torchTensors(to)
  const wrong = ours.find(
    ({ name, shape }, i) => name !== theirs[i]?.name || !isDeepStrictEqual(shape, theirs[i]?.shape),
  )
  if (head === 'KEEP') {
    if (wrong === undefined && theirs.length === ours.length) return []
    const of = ({ classes, inputShape: [height, width] }: Architecture) =>
      `${classes} classes and pictures of ${height}x${width}`
    const what = wrong === undefined ? 'they have more layers' : `${wrong.name} has another shape`
    return `These weights are for ${of(from)}, not for ${of(to)}: ${what}. Begin with a new head (head: NEW).`
  }
  const hidden = (architecture: Architecture, tensors: typeof ours) => {
    const last = lastDense(analyze(architecture).layers).name
    return tensors.filter(({ layer }) => layer !== last).map(({ name, shape }) => ({ name, shape }))
  }
  const { layers } = analyze(to)
  if (isDeepStrictEqual(hidden(from, theirs), hidden(to, ours))) return [lastDense(layers).name]
  return layers.filter(({ kind }) => kind === 'DENSE').map(({ name }) => name)
}

/** Whether layers from a place on take the result of the layer before it, and of no earlier one. */
function isCut(layers: readonly Layer[], place: number): boolean {
  return layers.slice(place).every(({ inputs }) => inputs.every((input) => input >= place - 1))
}

/** It has no weights, and does in training what it does in prediction. */
function isIdle(layer: Layer): boolean {
  const { variables, memory, build } = kindOf(layer.kind)
  return variables === null && build !== null && !memory(layer).onlyTraining
}

function namesOf(layers: readonly Layer[]): string[] {
  return layers.filter(({ kind }) => kindOf(kind).variables !== null).map(({ name }) => name)
}

function lastDense(layers: readonly Layer[]): Layer {
  return layers.findLast(({ kind }) => kind === 'DENSE')!
}
