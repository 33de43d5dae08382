import { adaptiveAveragePool } from './adaptive-average-pool.ts'
import { add } from './add.ts'
import { batchNormalization } from './batch-normalization.ts'
import { convolution } from './convolution.ts'
import { dense } from './dense.ts'
import { dropout } from './dropout.ts'
import { flatten } from './flatten.ts'
import type { LayerKind, Notation } from './kind.ts'
import { localResponseNormalization } from './local-response-normalization.ts'
import { maxPool } from './max-pool.ts'
import { relu } from './relu.ts'
import { softmax } from './softmax.ts'

/** The catalogue: every kind of layer that a network of the zoo can have. */
export const LAYER_KINDS = [
  convolution,
  localResponseNormalization,
  batchNormalization,
  relu,
  maxPool,
  add,
  adaptiveAveragePool,
  flatten,
  dense,
  dropout,
  softmax,
] as const

export type KindName = (typeof LAYER_KINDS)[number]['name']

type FeatureOf<Kind> = Kind extends LayerKind<string, infer Own> ? Own : never

/** An entry of a feature list. */
export type Feature = FeatureOf<(typeof LAYER_KINDS)[number]>

const byName = new Map<string, LayerKind<string, Feature>>(LAYER_KINDS.map((kind) => [kind.name, kind]))

/** @param name  of a kind in the catalogue */
export function kindOf(name: string): LayerKind<string, Feature> {
  const kind = byName.get(name)
  if (kind === undefined) throw new Error(`There is no kind of layer ${JSON.stringify(name)}.`)
  return kind
}

export const NOTATIONS: readonly Notation<Feature>[] = LAYER_KINDS.flatMap(
  ({ notation }: LayerKind<string, Feature>) => notation ?? [],
)

const byFeature = new Map<string, Notation<Feature>>(NOTATIONS.map((it) => [it.feature, it]))

export function notationOf({ kind }: Feature): Notation<Feature> {
  return byFeature.get(kind)!
}
