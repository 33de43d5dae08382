import { analyze } from '../analysis.ts'
import type { Architecture } from '../architecture.ts'
import { graphOf } from '../graph.ts'
import { kindOf } from '../layers/kinds.ts'
import type { StandardLayer } from '../layers/standard-layer.ts'
import { LayersModelError } from '../layers-model-error.ts'

/** Whether standard layers can express a network. */
export function isLayersModel(architecture: Architecture): boolean {
  return graphOf(architecture).every(({ kind }) => typeof kindOf(kind).standard !== 'string')
}

/**
 * A network in layers that every TensorFlow.js has, from the normalised picture to probabilities; those with weights
 * have the names of `analyze`.
 *
 * @throws LayersModelError for a network with a kind of layer that has no such form
 */
export function standardLayers(architecture: Architecture): StandardLayer[] {
  return analyze(architecture).layers.flatMap((layer) => {
    const { standard } = kindOf(layer.kind)
    if (typeof standard === 'string') throw new LayersModelError(standard)
    return standard(layer)
  })
}
