import { analyze } from '../analysis.ts'
import type { Architecture } from '../architecture.ts'
import type { LayerKind, TensorForm } from '../layers/kind.ts'
import { kindOf, LAYER_KINDS } from '../layers/kinds.ts'
import { type TorchTensor, torchTensors, toTorch } from '../torch-layout.ts'
import type { TensorOutline } from '../weights-mismatch.ts'
import { hereShape, type NamedAs, type Naming } from './naming.ts'

/** Kinds whose tensors look the same in a file: nothing there tells which of them it is. */
interface Lookalikes extends TensorForm {
  counts: LayerKind['keras']['counts']
  /** Variables by the last part of a name, PyTorch's or Keras'. */
  variables: ReadonlyMap<string, string>
}

/** The tensors of one layer of a file. */
interface FoundLayer {
  /** What the names of its tensors have in common. */
  path: string
  looks: Lookalikes
  /** As PyTorch has it, of the tensor of the longest shape. */
  shape: number[]
  /** Last parts of the names by the variables that they mean. */
  leaves: Map<TorchTensor['variable'], string>
  /** Keras': [h, w, in, out] and [in, out]. */
  isKeras: boolean
}

/** A layer of the network, in the same terms. */
interface OwnLayer extends Pick<FoundLayer, 'looks' | 'shape'> {
  index: number
  tensors: TorchTensor[]
}

const KINDS: readonly Pick<LayerKind, 'tensors' | 'keras'>[] = LAYER_KINDS
const byForm = new Map<string, Lookalikes>()
for (const { tensors, keras } of KINDS) {
  const form = JSON.stringify(tensors)
  if (tensors === null || byForm.has(form)) continue
  const names = Object.entries(tensors.names)
  const variables = new Map([
    ...names.map(([name]) => [name, name] as const),
    ...names.map(([name, torch]) => [torch, name] as const),
  ])
  byForm.set(form, { ...tensors, counts: keras.counts, variables })
}

/**
 * The names of a file in which the layers are called or numbered otherwise, matched by their order within a kind:
 * convolutions with convolutions, batch norms with batch norms, dense layers with dense layers, as many as the network
 * has and of its shapes. Of layers of one shape the numbers in their names have to tell the order.
 *
 * Null where the names do not tell it, or tell of another network: numbers of features show how many layers without
 * weights stand between two convolutions, and so where the pools are.
 */
export function inOrder(tensors: readonly TensorOutline[], architecture: Architecture): Naming | null {
  const found = readLayers(tensors)
  if (found === null) return null
  const own = ownLayers(architecture)
  const matched = new Map<OwnLayer, FoundLayer>()
  for (const looks of byForm.values()) {
    const one = own.filter((layer) => layer.looks === looks)
    const other = found.filter((layer) => layer.looks === looks)
    const pairs = one.length === other.length ? pair(one, other) : null
    if (pairs === null) return null
    for (const [layer, match] of pairs) matched.set(layer, match)
  }
  const convolutions = own.filter(isConvolution)
  if (
    !poolsFit(
      convolutions,
      convolutions.map((it) => matched.get(it)!),
      architecture,
    )
  )
    return null
  // What follows a layer at once does so in the file, too: a batch norm behind the ReLU is another network.
  const followers = own.flatMap((layer, i) =>
    own[i - 1]?.index === layer.index - 1 ? [[own[i - 1]!, layer] as const] : [],
  )
  const paths = (pair: readonly OwnLayer[]) => pair.map((it) => matched.get(it)!.path) as [string, string]
  if (followers.some((pair) => (distance(...paths(pair)) ?? 1) !== 1)) return null

  return {
    kind: 'ordered',
    normalize: (name) => name,
    tensors: [...matched].flatMap(([layer, match]) => layer.tensors.map((tensor) => namedAs(tensor, match))),
  }
}

/** How many values the last dense layer of a file answers; null where the names don't tell which is the last. */
export function outputsInOrder(tensors: readonly TensorOutline[]): number | null {
  const dense = readLayers(tensors)?.filter(({ looks }) => looks.counts === 'dense') ?? []
  return sorted(dense)?.at(-1)?.shape[0] ?? null
}

function namedAs(tensor: TorchTensor, { path, looks, leaves, isKeras }: FoundLayer): NamedAs {
  const { variable } = tensor
  const usual = isKeras ? variable : looks.names[variable]!
  return {
    name: path + (leaves.get(variable) ?? usual),
    shape: isKeras ? hereShape(tensor) : tensor.shape,
    tensor,
    toTorch: (data) => (isKeras ? toTorch(tensor, data) : data),
  }
}

/** Null when a tensor is of no layer that a VGG has. */
function readLayers(tensors: readonly TensorOutline[]): FoundLayer[] | null {
  const byPath = groupBy(tensors, ({ name }) => /^.*[/.]/.exec(name)?.[0] ?? '')
  const layers: FoundLayer[] = []
  for (const [path, group] of byPath) {
    const leaves = new Map(
      group.map((tensor) => [tensor.name.slice(path.length).replace(/:\d+$/, ''), tensor]),
    )
    const largest = group.reduce((one, other) => (other.shape.length > one.shape.length ? other : one))
    const rank = largest.shape.length
    const looks = [...byForm.values()].find(
      (it) => it.rank === rank && [...leaves.keys()].every((leaf) => it.variables.has(leaf)),
    )
    if (looks === undefined) return null
    const named = new Map<TorchTensor['variable'], string>()
    for (const [leaf, { name }] of leaves) {
      const variable = looks.variables.get(leaf)!
      if (named.has(variable)) return null
      named.set(variable, name.slice(path.length))
    }
    const isKeras = [...leaves.keys()].some((leaf) => !Object.values(looks.names).includes(leaf))
    layers.push({ path, looks, shape: torchShape(largest.shape, isKeras), leaves: named, isKeras })
  }
  return layers
}

function torchShape(shape: readonly number[], isKeras: boolean): number[] {
  if (!isKeras || shape.length < 2) return [...shape]
  return [shape.at(-1)!, shape.at(-2)!, ...shape.slice(0, -2)]
}

function ownLayers(architecture: Architecture): OwnLayer[] {
  const byLayer = groupBy(torchTensors(architecture), ({ layer }) => layer)
  return analyze(architecture).layers.flatMap(({ name, kind, index }): OwnLayer[] => {
    const tensors = byLayer.get(name)
    const looks = byForm.get(JSON.stringify(kindOf(kind).tensors))
    if (tensors === undefined || looks === undefined) return []
    const { shape } = tensors.find((it) => it.shape.length === looks.rank)!
    return [{ looks, shape, index, tensors }]
  })
}

const isConvolution = ({ looks }: OwnLayer) => looks.counts === 'convolution'

/** Layers that look alike, as many as of the network; null where shapes and names together do not tell which is which. */
function pair(own: readonly OwnLayer[], found: readonly FoundLayer[]): [OwnLayer, FoundLayer][] | null {
  const byShape = groupBy(found, ({ shape }) => String(shape))
  const next = new Map<string, FoundLayer[]>()
  for (const [shape, layers] of byShape) {
    const ascending = sorted(layers)
    if (ascending === null) return null
    next.set(shape, ascending)
  }
  const pairs: [OwnLayer, FoundLayer][] = []
  for (const layer of own) {
    const match = next.get(String(layer.shape))?.shift()
    if (match === undefined) return null
    // Shapes in an order that the numbers contradict.
    if (pairs.some(([, before]) => (compare(before.path, match.path) ?? -1) > 0)) return null
    pairs.push([layer, match])
  }
  return pairs
}

/** By the numbers in their names; null where something else tells two of them apart. */
function sorted(layers: readonly FoundLayer[]): FoundLayer[] | null {
  const ascending = layers.toSorted((one, other) => compare(one.path, other.path) ?? 0)
  const isKnown = ascending.every(
    ({ path }, i) => i === 0 || (compare(ascending[i - 1]!.path, path) ?? 0) < 0,
  )
  return isKnown ? ascending : null
}

const isNumber = (part: string) => /^\d+$/.test(part)
const parts = (path: string) => path.match(/\d+|[a-z]+|[^a-z\d]+/gi) ?? []

/** Which of two paths comes first, by the first number in which they differ; null when something else differs there. */
function compare(one: string, other: string): number | null {
  const [a, b] = [parts(one.replace(/[/.]$/, '')), parts(other.replace(/[/.]$/, ''))]
  const at = a.findIndex((part, i) => part !== b[i])
  // Keras counts conv2d, conv2d_1, conv2d_2.
  if (at < 0) return a.length - b.length
  if (b[at] === undefined) return 1
  return isNumber(a[at]!) && isNumber(b[at]) ? Number(a[at]) - Number(b[at]) : null
}

/** From one path to another that differs from it in one number alone; null for others. */
function distance(one: string, other: string): number | null {
  const [a, b] = [parts(one), parts(other)]
  const different = a.flatMap((part, i) => (part === b[i] ? [] : [i]))
  if (a.length !== b.length || different.length !== 1) return null
  const [from, to] = [a[different[0]!]!, b[different[0]!]!]
  return isNumber(from) && isNumber(to) ? Number(to) - Number(from) : null
}

/**
 * Whether the numbers of convolutions agree with where the network has its pools. Where they count blocks (block1_conv1,
 * stage2.0), each block but the first begins behind a pool. Where they count layers, they are those of torchvision, or
 * there are more or fewer layers than there: as many after each convolution, and as many after each pool; and they are
 * not those that another VGG with as many pools would have.
 */
function poolsFit(
  own: readonly OwnLayer[],
  found: readonly FoundLayer[],
  architecture: Architecture,
): boolean {
  const paths = found.map(({ path }) => path)
  const pools = poolsAfter(architecture)
  const between = pools.slice(0, -1)
  const begins = paths.slice(1).map((path, i) => beginsBlock(paths[i]!, path))
  const areBlocks =
    paths.every((path) => BLOCK.test(path)) || (begins.includes(true) && begins.includes(false))
  if (areBlocks) return begins.every((isNew, i) => isNew === between[i]! > 0)

  const gaps = paths.slice(1).map((path, i) => distance(paths[i]!, path))
  // No numbers that count layers: the names say nothing of pools.
  if (gaps.some((gap) => gap === null)) return true
  const usual = own
    .slice(1)
    .map(({ tensors: [first] }, i) => distance(own[i]!.tensors[0]!.layer, first!.layer)!)
  if (String(gaps) === String(usual)) return true

  const byPools = new Map<number, number>()
  for (const [i, count] of between.entries()) {
    if (byPools.has(count) && byPools.get(count) !== gaps[i]) return false
    byPools.set(count, gaps[i]!)
  }
  const ascending = [...byPools].sort(([one], [other]) => one - other)
  if (ascending.some(([, gap], i) => i > 0 && gap < ascending[i - 1]![1])) return false

  const elsewhere = gaps.map((gap, i) => gap! - (usual[i]! - between[i]!))
  const sum = (counts: readonly number[]) => counts.reduce((total, count) => total + count, 0)
  const trailing = sum(pools) - sum(elsewhere)
  const isVgg = elsewhere.every((count) => count === 0 || count === 1)
  return !(isVgg && (architecture.head.kind === 'pooled' || trailing === 0 || trailing === 1))
}

/** How many pools stand behind each convolution. */
function poolsAfter(architecture: Architecture): number[] {
  const pools: number[] = []
  for (const { kind } of analyze(architecture).layers) {
    const { counts } = kindOf(kind).keras
    if (counts === 'convolution') pools.push(0)
    else if (counts === 'block' && pools.length > 0) pools[pools.length - 1]! += 1
  }
  return pools
}

/** block1_conv1, conv1_1, stage1.0: as the paper's tables count. */
const BLOCK = /(^|[._/])(block|conv|stage)_?\d+[._/](conv_?)?\d+[._/]$/i

/** Whether another number than the last is the first in which two paths differ. */
function beginsBlock(one: string, other: string): boolean {
  const [a, b] = [parts(one), parts(other)]
  const at = a.findIndex((part, i) => part !== b[i])
  return at >= 0 && isNumber(a[at]!) && a.slice(at + 1).some(isNumber)
}

function groupBy<T, Key>(items: readonly T[], keyOf: (item: T) => Key): Map<Key, T[]> {
  const groups = new Map<Key, T[]>()
  for (const item of items) {
    const group = groups.get(keyOf(item))
    if (group === undefined) groups.set(keyOf(item), [item])
    else group.push(item)
  }
  return groups
}
