import type { Architecture } from './architecture.ts'
import { isFloat, type SafetensorsEntry } from './safetensors-header.ts'
import { torchTensors } from './torch-layout.ts'

/** What is known of a tensor before its data is read. */
export interface TensorOutline {
  name: string
  shape: readonly number[]
  /** "float" for whatever is read as float32, else the type by the name that its file has for it. */
  type: string
}

/** What a file's header says of a tensor. */
export function outlineOf({ name, shape, dtype }: SafetensorsEntry): TensorOutline {
  return { name, shape, type: isFloat(dtype) ? 'float' : dtype }
}

/** Tensors that are not those of the network. All that is wrong is listed, by name, in the properties and the message. */
export class WeightsMismatchError extends Error {
  override name = 'WeightsMismatchError'
  readonly architecture: string
  readonly missing: readonly string[]
  readonly surplus: readonly string[]
  /** Each with what is expected and what was found, in words. */
  readonly wrong: readonly { name: string; expected: string; found: string }[]

  constructor(
    architecture: string,
    missing: WeightsMismatchError['missing'],
    surplus: WeightsMismatchError['surplus'],
    wrong: WeightsMismatchError['wrong'],
  ) {
    const parts = [
      sentence('Missing', missing),
      sentence('Not part of it', surplus),
      sentence(
        'Wrong shape or type',
        wrong.map(({ name, expected, found }) => `${name} (${found} instead of ${expected})`),
      ),
    ]
    super(`The weights do not fit ${architecture}. ${parts.filter((part) => part !== '').join(' ')}`)
    this.architecture = architecture
    this.missing = missing
    this.surplus = surplus
    this.wrong = wrong
  }
}

/** A tensor that a file has to have, unless it is optional. */
export interface ExpectedTensor extends TensorOutline {
  optional?: boolean
}

/**
 * Checks names, shapes and types of tensors against a network, in torchvision's naming. A batch norm's
 * num_batches_tracked may be there or not.
 *
 * @param except  layers whose tensors do not matter; with any, neither do those of layers that the network has not
 * @throws WeightsMismatchError that lists everything that is wrong.
 */
export function checkTensors(
  architecture: Architecture,
  tensors: readonly TensorOutline[],
  except: ReadonlySet<string> = new Set(),
): void {
  const needed = torchTensors(architecture).filter(({ layer }) => !except.has(layer))
  const expected = needed.flatMap((tensor): ExpectedTensor[] => {
    const { counter } = tensor
    const weights = { name: tensor.name, shape: tensor.shape, type: 'float' }
    return counter === null ? [weights] : [weights, { name: counter, shape: [], type: 'I64', optional: true }]
  })
  const names = new Set(expected.map(({ name }) => name))
  compareTensors(
    architecture.name,
    expected,
    except.size === 0 ? tensors : tensors.filter(({ name }) => names.has(name)),
  )
}

/**
 * @param architecture  its name, for the message
 * @throws WeightsMismatchError that lists everything that is wrong.
 */
export function compareTensors(...args: Parameters<typeof mismatchOf>): void {
  const mismatch = mismatchOf(...args)
  if (mismatch !== null) throw mismatch
}

/**
 * Everything that is wrong, null when nothing is.
 *
 * @param architecture  its name, for the message
 */
export function mismatchOf(
  architecture: string,
  wanted: readonly ExpectedTensor[],
  tensors: readonly TensorOutline[],
): WeightsMismatchError | null {
  const expected = new Map(wanted.map((tensor) => [tensor.name, tensor]))
  const found = new Map(tensors.map((tensor) => [tensor.name, tensor]))
  const missing = wanted.filter(({ name, optional }) => !found.has(name) && optional !== true)
  // Of two tensors with one name, the first is surplus.
  const surplus = tensors.filter((tensor) => found.get(tensor.name) !== tensor || !expected.has(tensor.name))
  const wrong = [...found.values()].flatMap((tensor) => {
    const right = expected.get(tensor.name)
    if (right === undefined || describe(right) === describe(tensor)) return []
    return [{ name: tensor.name, expected: describe(right), found: describe(tensor) }]
  })
  if (missing.length + surplus.length + wrong.length === 0) return null
  const names = (list: readonly TensorOutline[]) => list.map(({ name }) => name)
  return new WeightsMismatchError(architecture, names(missing), names(surplus), wrong)
}

function describe({ shape, type }: TensorOutline): string {
  return `${type}[${shape.join(', ')}]`
}

/** The message stays readable when all of a large network is wrong; the properties hold the rest. */
function sentence(what: string, names: readonly string[]): string {
  if (names.length === 0) return ''
  const more = names.length > 20 ? ` and ${names.length - 20} more` : ''
  return `${what}: ${names.slice(0, 20).join(', ')}${more}.`
}
