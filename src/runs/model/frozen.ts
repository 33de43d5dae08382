import { isIdentity } from '../../data/augmentation/augmentation.ts'
import type { DatasetFacts } from '../../data/dataset-facts.ts'
import { analyze } from '../../zoo/analysis.ts'
import type { Architecture } from '../../zoo/architecture.ts'
import { frozenRecordBytes, MOST_FROZEN_BYTES } from './frozen-results.ts'
import type { Hyperparameters } from './hyperparameters.ts'
import type { Run } from './run.ts'

/** The frozen layers of a training, as its costs see them. */
export interface FrozenWork {
  /** The first so many. */
  layers: number
  /** Whether what they make of the pictures is computed once, and not in each step and evaluation. */
  isKept: boolean
}

export const NOTHING_FROZEN: FrozenWork = { layers: 0, isKept: false }

export type Limits = Pick<Hyperparameters, 'trainLimit' | 'testLimit'>

/** What is learned from: a network fitted to a data set, and as much of this as is asked for. */
export interface Lesson {
  architecture: Architecture
  count: DatasetFacts['count']
  limits: Limits
}

/** Images of each split that an epoch goes through. */
export function imagesIn({ count, limits: { trainLimit, testLimit } }: Omit<Lesson, 'architecture'>) {
  return {
    train: Math.min(trainLimit ?? count.train, count.train),
    test: Math.min(testLimit ?? count.test, count.test),
  }
}

export function frozenOf(
  { transfer, hyperparameters }: Pick<Run, 'transfer' | 'hyperparameters'>,
  { architecture, count }: Pick<Lesson, 'architecture' | 'count'>,
): FrozenWork {
  if (transfer === null) return NOTHING_FROZEN
  const lesson = { architecture, count, limits: hyperparameters }
  return frozenWork(lesson, transfer.frozen, !isIdentity(hyperparameters.augmentation))
}

/** @param layers  that are frozen */
export function frozenWork(lesson: Lesson, layers: number, isAugmented: boolean): FrozenWork {
  if (layers === 0) return NOTHING_FROZEN
  return { layers, isKept: !isAugmented && keptBytes(lesson, layers) <= MOST_FROZEN_BYTES }
}

/** Of what the first so many layers make of a picture. */
export function recordBytes(architecture: Architecture, layers: number): number {
  return frozenRecordBytes(analyze(architecture).layers[layers - 1]!.outputShape)
}

/** Of what they make of all pictures. */
export function keptBytes({ architecture, ...of }: Lesson, layers: number): number {
  const { train, test } = imagesIn(of)
  return (train + test) * recordBytes(architecture, layers)
}

/** A forward pass is one of the three parts of a training step: the other two are the gradients. */
export const PARTS = 3

/** Multiply-adds for one image: of a third of a training step, of an evaluation, and of the frozen layers alone. */
export function workOf(
  architecture: Architecture,
  { layers: frozen, isKept }: FrozenWork,
): { training: number; testing: number; frozen: number } {
  const { layers, multiplyAdds } = analyze(architecture)
  const first = layers.slice(0, frozen).reduce((sum, layer) => sum + layer.multiplyAdds, 0)
  const rest = multiplyAdds - first
  return {
    training: rest + (isKept ? 0 : first / PARTS),
    testing: isKept ? rest : multiplyAdds,
    frozen: first,
  }
}
