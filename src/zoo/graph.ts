import type { Architecture } from './architecture.ts'
import type { FeatureGraph, LayerNode, LayerSettings } from './layers/kind.ts'
import { notationOf } from './layers/kinds.ts'

/**
 * The layers of a network in the order of computing, each with the places of those whose results it takes. Each but
 * the first takes the result of the one before it; one that joins results takes earlier ones too.
 */
export function graphOf({ features, batchNorm, head, classes }: Architecture): LayerNode[] {
  const nodes: LayerNode[] = []
  const add = (
    kind: string,
    name: string,
    entry: number | null,
    {
      kernelSize = null,
      strides = null,
      units = null,
      rate = null,
      size = null,
    }: Partial<LayerSettings> = {},
    others: readonly number[] = [],
  ) => {
    // The first takes the picture, whose place is -1.
    const inputs = [nodes.length - 1, ...others]
    // Field by field: analyses are made by the thousand, and a spread costs ten times as much.
    nodes.push({ kind, name, inputs, entry, kernelSize, strides, units, rate, size })
  }

  /** Places of the layers that give the results of the entries. */
  const results: number[] = []
  for (const [entry, feature] of features.entries()) {
    const graph: FeatureGraph = {
      batchNorm,
      add: (kind, settings, others) => add(kind, `features.${nodes.length}`, entry, settings, others),
      resultBefore: (entries) => results.at(-entries)!,
    }
    notationOf(feature).grow(feature, graph)
    results.push(nodes.length - 1)
  }

  if (head.kind === 'pooled') add('ADAPTIVE_AVG_POOL', 'avgpool', null, { size: head.size })
  add('FLATTEN', 'flatten', null)
  let index = 0
  const classify = (kind: string, settings?: Partial<LayerSettings>) =>
    add(kind, `classifier.${index++}`, null, settings)
  for (const units of head.hidden) {
    classify('DENSE', { units })
    classify('RELU')
    if (head.dropout > 0) classify('DROPOUT', { rate: head.dropout })
  }
  classify('DENSE', { units: classes })
  add('SOFTMAX', 'softmax', null)
  return nodes
}

/**
 * Whether each layer takes the result of the one before it, and nothing else.
 * @param first  the place of the first of these in its network
 */
export function isChain(layers: readonly Pick<LayerNode, 'inputs'>[], first = 0): boolean {
  return layers.every(({ inputs }, index) => inputs.length === 1 && inputs[0] === first + index - 1)
}
