import { isIdentity } from '../../data/augmentation/augmentation.ts'
import { analyze } from '../../zoo/analysis.ts'
import type { Architecture } from '../../zoo/architecture.ts'
import type { Run } from '../model/run.ts'

/** The frozen layers of a training, as its costs see them. */
export interface FrozenWork {
  /** The first so many. */
  layers: number
  /** Whether what they make of the pictures is computed once, and not in each step and evaluation. */
  isKept: boolean
}

export const NOTHING_FROZEN: FrozenWork = { layers: 0, isKept: false }

export function frozenOf({
  transfer,
  hyperparameters,
}: Pick<Run, 'transfer' | 'hyperparameters'>): FrozenWork {
  if (transfer === null || transfer.frozen === 0) return NOTHING_FROZEN
  return { layers: transfer.frozen, isKept: isIdentity(hyperparameters.augmentation) }
}

/** A forward pass is one of the three parts of a training step: the other two are the gradients. */
const PARTS = 3

/** Multiply-adds for one image: of a third of a training step, and of an evaluation. */
export function workOf(
  architecture: Architecture,
  { layers: frozen, isKept }: FrozenWork,
): { training: number; testing: number } {
  const { layers, multiplyAdds } = analyze(architecture)
  const first = layers.slice(0, frozen).reduce((sum, layer) => sum + layer.multiplyAdds, 0)
  const rest = multiplyAdds - first
  return {
    training: rest + (isKept ? 0 : first / PARTS),
    testing: isKept ? rest : multiplyAdds,
  }
}
