import { type FusedLayers, fusedLayers } from '../engine/fused.ts'
import { tf } from '../tensorflow.ts'
import { fusedTogether } from './fused-groups.ts'
import { isChain } from './graph.ts'
import type { BuiltLayer } from './layers/kind.ts'
import { kindOf } from './layers/kinds.ts'
import { layersOf } from './model.ts'

/** [n, height, width, channels] -> logits [n, classes]. The caller disposes the result, or tidies. */
export type Forward = (x: tf.Tensor) => tf.Tensor2D

/** From what the steps before it made to what it makes of that. The caller tidies around it. */
export type Step = (value: tf.Tensor) => tf.Tensor

/**
 * How the present engine runs a network of the zoo: by its own fused layers where it has them and the network is a
 * chain, a convolution with what follows it in one pass, and layer by layer where not. The weights are the model's own,
 * also when they change.
 */
export function forwardOf(model: tf.LayersModel, { training }: { training: boolean }): Forward {
  const steps = fusedSteps(layersOf(model), training)
  if (steps === null) return (x) => model.apply(x, { training }) as tf.Tensor2D
  return (x) => tf.tidy(() => steps.reduce((value, step) => step(value), x) as tf.Tensor2D)
}

/**
 * The same of some of the layers, one after the other: those at places from `from` to before `to`, of which none takes
 * more of the others than the result of the one before `from`. It is given that result; the picture where `from` is 0.
 */
export function forwardOfPart(
  model: tf.LayersModel,
  { from, to }: { from: number; to: number },
  { training }: { training: boolean },
): Step {
  const steps = fusedSteps(layersOf(model).slice(from, to), training, from)
  if (steps !== null) return (x) => tf.tidy(() => steps.reduce((value, step) => step(value), x))
  return (x) => tf.tidy(() => [...resultsFrom(model, from, x, { to, training })].at(-1)!.result)
}

/**
 * What each layer from a place on makes, as it is asked for, of what the one before made. The caller tidies around it.
 *
 * @param to  where it ends; the last layer when left out
 */
export function* resultsFrom(
  model: tf.LayersModel,
  from: number,
  x: tf.Tensor,
  { to, training = false }: { to?: number; training?: boolean } = {},
): Generator<{ name: string; result: tf.Tensor }> {
  const results: tf.Tensor[] = []
  for (const { layer, info } of layersOf(model).slice(from, to)) {
    const inputs = info.inputs.map((place) => (place < from ? x : results[place - from]!))
    const result = layer.apply(inputs.length === 1 ? inputs[0]! : inputs, { training }) as tf.Tensor
    results.push(result)
    yield { name: layer.name, result }
  }
}

/** The same in prediction, in steps between which there is time for something else: one for all layers where they are not fused. */
export function stepsOf(model: tf.LayersModel): readonly Step[] {
  return fusedSteps(layersOf(model), false) ?? [(x) => model.apply(x, { training: false }) as tf.Tensor]
}

/** Null where layers are not fused. */
function fusedSteps(layers: readonly BuiltLayer[], training: boolean, first = 0): Step[] | null {
  const fused = fusedLayers(tf)
  if (fused === undefined) return null
  // Fused gradients write into the memory of what they were given: each result may be used only once.
  if (
    !isChain(
      layers.map(({ info }) => info),
      first,
    )
  )
    return null
  return fusedTogether(layers, ({ info }) => info.kind).map((group) => stepOf(fused, group, training))
}

/** What layers do that are computed together. */
function stepOf(fused: FusedLayers, layers: readonly [BuiltLayer, ...BuiltLayer[]], training: boolean): Step {
  const [{ layer, info }, ...others] = layers
  const { fusing } = kindOf(info.kind)
  if (fusing === null || !('step' in fusing)) return (x) => layer.apply(x, { training }) as tf.Tensor
  const follows = new Set(
    others.map((it) => {
      const own = kindOf(it.info.kind).fusing
      return own !== null && 'after' in own ? own.after : null
    }),
  )
  return fusing.step(fused, layers, {
    after: { relu: follows.has('relu'), pool: follows.has('pool') },
    training,
  })
}

/**
 * What each layer of a model makes of a picture in prediction, layer by layer: as it asks for the next one. The caller
 * tidies around it.
 *
 * @param x  [n, height, width, channels]
 */
export function resultsOf(
  model: tf.LayersModel,
  x: tf.Tensor,
): Generator<{ name: string; result: tf.Tensor }> {
  return remainingResults(model, new Map([[model.inputs[0]!, x]]))
}

/** The same of the layers whose results are not known yet. `known`: by the outputs of layers; each new one is added. */
export function* remainingResults(
  model: tf.LayersModel,
  known: Map<tf.SymbolicTensor, tf.Tensor>,
): Generator<{ name: string; result: tf.Tensor }> {
  // Layer 0 is the input.
  for (const layer of model.layers.slice(1)) {
    const output = layer.output as tf.SymbolicTensor
    if (known.has(output)) continue
    const inputs = [layer.input].flat().map((input) => known.get(input)!)
    const result = layer.apply(inputs.length === 1 ? inputs[0]! : inputs) as tf.Tensor
    known.set(output, result)
    yield { name: layer.name, result }
  }
}
