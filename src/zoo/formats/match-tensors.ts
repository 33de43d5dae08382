import type { Architecture } from '../architecture.ts'
import type { SafetensorsEntry } from '../safetensors-header.ts'
import {
  type ExpectedTensor,
  mismatchOf,
  outlineOf,
  type TensorOutline,
  type WeightsMismatchError,
} from '../weights-mismatch.ts'
import { inOrder, outputsInOrder } from './in-order.ts'
import { detectNaming, type NamedAs, type Naming } from './naming.ts'
import { readTensors } from './unread.ts'

/** Where the numbers of a tensor of the network are. */
export interface TensorSource extends Pick<NamedAs, 'tensor' | 'toTorch'> {
  entry: SafetensorsEntry
}

/**
 * Finds each tensor of a network in a safetensors file, by the names that torchvision, timm and Keras give, or else by
 * the order of the layers. What the file's network was built without is not in the
 * answer.
 *
 * @returns by torchvision's name
 * @throws WeightsMismatchError that lists every tensor that is missing, surplus or wrong by its name in the file
 */
export function matchTensors(
  entries: readonly SafetensorsEntry[],
  architecture: Architecture,
): Map<string, TensorSource> {
  const tensors = entries.map(outlineOf)
  const read = readTensors(tensors)
  // Of a type that is not read, under a name that is: to be told, not passed over.
  const others = tensors.filter(({ name, type }) => type !== 'float' && !name.endsWith('num_batches_tracked'))
  const named = detectNaming(
    [...read, ...others].map(({ name }) => name),
    architecture,
  )
  const mismatch = check(named, read, others, architecture)
  if (mismatch === null) return sourcesOf(named, read, entries)
  const ordered = inOrder(read, architecture) ?? inOrder([...read, ...others], architecture)
  if (ordered === null) throw mismatch
  const other = check(ordered, read, others, architecture)
  if (other === null) return sourcesOf(ordered, read, entries)
  throw problems(other) < problems(mismatch) ? other : mismatch
}

function problems({ missing, surplus, wrong }: WeightsMismatchError): number {
  return missing.length + surplus.length + wrong.length
}

/** What a file's names and shapes tell before it is known for what size and how many classes its network is. */
export function outlineOfFile(
  entries: readonly SafetensorsEntry[],
  architecture: Architecture,
): { kind: Naming['kind']; outputs: number | null } {
  const read = readTensors(entries.map(outlineOf))
  const naming = detectNaming(
    read.map(({ name }) => name),
    architecture,
  )
  const byName = new Map(read.map((tensor) => [naming.normalize(tensor.name), tensor]))
  const isWhole = naming.tensors.every(({ name, tensor }) => byName.has(name) || tensor.neutral !== null)
  const last = naming.tensors.findLast(({ tensor }) => tensor.variable === 'kernel')!
  const shape = byName.get(last.name)?.shape
  const outputs = shape?.length === 2 ? shape[naming.kind === 'keras' ? 1 : 0]! : outputsInOrder(read)
  return { kind: isWhole ? naming.kind : 'ordered', outputs }
}

/** What a file is not, by a naming. */
function check(
  { normalize, tensors: wanted }: Naming,
  read: readonly TensorOutline[],
  others: readonly TensorOutline[],
  architecture: Architecture,
): WeightsMismatchError | null {
  const normalized = (tensors: readonly TensorOutline[]) =>
    tensors.map((tensor) => ({ ...tensor, name: normalize(tensor.name) }))
  const found = normalized(read)
  const names = new Set(found.map(({ name }) => name))
  // A network is built without them everywhere. Where one is missing among others, the file has lost it.
  const kept = new Set(
    wanted
      .filter(({ name, tensor }) => names.has(name) && tensor.neutral !== null)
      .map(({ tensor }) => tensor.variable),
  )
  const expected = wanted.map(({ name, shape, tensor }): ExpectedTensor => {
    const optional = tensor.neutral !== null && !kept.has(tensor.variable)
    return { name, shape, type: 'float', optional }
  })
  const places = new Set(expected.map(({ name }) => name))
  for (const name of names) places.delete(name)
  return mismatchOf(architecture.name, expected, [
    ...found,
    ...normalized(others).filter(({ name }) => places.has(name)),
  ])
}

function sourcesOf(
  { normalize, tensors }: Naming,
  read: readonly TensorOutline[],
  entries: readonly SafetensorsEntry[],
): Map<string, TensorSource> {
  const decides = new Set(read.map(({ name }) => name))
  const entryOf = new Map(
    entries.filter(({ name }) => decides.has(name)).map((entry) => [normalize(entry.name), entry]),
  )
  return new Map(
    tensors.flatMap(({ name, tensor, toTorch }): [string, TensorSource][] => {
      const entry = entryOf.get(name)
      return entry === undefined ? [] : [[tensor.name, { tensor, toTorch, entry }]]
    }),
  )
}
