import type { Architecture } from './architecture.ts'
import { counterName, torchTensors } from './torch-layout.ts'

/** What is known of a tensor before its data is read. */
export interface TensorOutline {
  name: string
  shape: readonly number[]
  /** Whether its values are floating point. */
  float: boolean
}

/** Tensors that are not those of the network. All that is wrong is listed, by name, in the properties and the message. */
export class WeightsMismatchError extends Error {
  override name = 'WeightsMismatchError'
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
    this.missing = missing
    this.surplus = surplus
    this.wrong = wrong
  }
}

/**
 * Checks names, shapes and types of tensors against a network, in torchvision's naming. A batch norm's
 * num_batches_tracked may be there or not.
 *
 * @throws WeightsMismatchError that lists everything that is wrong.
 */
export function checkTensors(architecture: Architecture, tensors: readonly TensorOutline[]): void {
  const expected = new Map<string, TensorOutline>()
  const optional = new Set<string>()
  for (const tensor of torchTensors(architecture)) {
    expected.set(tensor.name, { name: tensor.name, shape: tensor.shape, float: true })
    const counter = counterName(tensor)
    if (counter === null) continue
    expected.set(counter, { name: counter, shape: [], float: false })
    optional.add(counter)
  }
  const found = new Map(tensors.map((tensor) => [tensor.name, tensor]))
  const missing = [...expected.keys()].filter((name) => !found.has(name) && !optional.has(name))
  // Of two tensors with one name, the first is surplus.
  const surplus = tensors.filter((tensor) => found.get(tensor.name) !== tensor || !expected.has(tensor.name))
  const wrong = [...found.values()].flatMap((tensor) => {
    const right = expected.get(tensor.name)
    if (right === undefined || describe(right) === describe(tensor)) return []
    return [{ name: tensor.name, expected: describe(right), found: describe(tensor) }]
  })
  if (missing.length + surplus.length + wrong.length > 0) {
    throw new WeightsMismatchError(
      architecture.name,
      missing,
      surplus.map(({ name }) => name),
      wrong,
    )
  }
}

function describe({ shape, float }: TensorOutline): string {
  return `${float ? 'float' : 'int'}[${shape.join(', ')}]`
}

/** The message stays readable when all of a large network is wrong; the properties hold the rest. */
function sentence(what: string, names: readonly string[]): string {
  if (names.length === 0) return ''
  const more = names.length > 20 ? ` and ${names.length - 20} more` : ''
  return `${what}: ${names.slice(0, 20).join(', ')}${more}.`
}
