import type { LayerOutline, TrainingOutline } from '../engine/training-memory.ts'
import { analyze } from './analysis.ts'
import type { Architecture } from './architecture.ts'
import { fusedTogether } from './fused-groups.ts'
import { isChain } from './graph.ts'
import { kindOf } from './layers/kinds.ts'

/** A network as the memory of an engine sees it. */
export function outlineOf(
  architecture: Architecture,
): Pick<TrainingOutline, 'inputSize' | 'layers' | 'isChain'> {
  const { layers } = analyze(architecture)
  const joined = new Set(fusedTogether(layers, ({ kind }) => kind).flatMap((group) => group.slice(1)))
  return {
    inputSize: elements(architecture.inputShape),
    layers: layers.map(
      (layer): LayerOutline => ({
        ...kindOf(layer.kind).memory(layer),
        size: elements(layer.outputShape),
        inputs: layer.inputs,
        isJoined: joined.has(layer),
      }),
    ),
    isChain: isChain(layers),
  }
}

function elements(shape: readonly number[]): number {
  return shape.reduce((product, length) => product * length, 1)
}
