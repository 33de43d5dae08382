import { kindOf } from './layers/kinds.ts'

/** Which layers of a chain an engine with fused layers computes in one operation each; all of them, in their order. */
export function fusedTogether<Item>(
  layers: readonly Item[],
  kindIn: (item: Item) => string,
): [Item, ...Item[]][] {
  const groups: [Item, ...Item[]][] = []
  for (let at = 0; at < layers.length; ) {
    const group: [Item, ...Item[]] = [layers[at++]!]
    const { fusing } = kindOf(kindIn(group[0]))
    const takes = fusing !== null && 'takes' in fusing ? fusing.takes : []
    for (const kind of takes) {
      if (at < layers.length && kindIn(layers[at]!) === kind) group.push(layers[at++]!)
    }
    groups.push(group)
  }
  return groups
}
