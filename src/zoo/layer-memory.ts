import type { LayerOutline, TrainingOutline } from '../engine/training-memory.ts'
import { analyze } from './analysis.ts'
import type { Architecture } from './architecture.ts'
import { fusedTogether } from './fused-groups.ts'
import { isChain } from './graph.ts'
import { kindOf } from './layers/kinds.ts'

/**
 * A network as the memory of an engine sees it; or its layers at places from `from` to before `to`, which take the result
 * of the one before them.
 */
export function outlineOf(
  architecture: Architecture,
  { from = 0, to }: { from?: number; to?: number } = {},
): Pick<TrainingOutline, 'inputSize' | 'layers' | 'isChain'> {
  const all = analyze(architecture).layers
  const layers = all.slice(from, to)
  const joined = new Set(fusedTogether(layers, ({ kind }) => kind).flatMap((group) => group.slice(1)))
  return {
    inputSize: elements(all[from - 1]?.outputShape ?? architecture.inputShape),
    layers: layers.map(
      (layer): LayerOutline => ({
        ...kindOf(layer.kind).memory(layer),
        size: elements(layer.outputShape),
        inputs: layer.inputs.map((place) => place - from),
        isJoined: joined.has(layer),
      }),
    ),
    isChain: isChain(layers, from),
  }
}

function elements(shape: readonly number[]): number {
  return shape.reduce((product, length) => product * length, 1)
}
