import { type Issue, Refusal } from '../live/refusal.ts'

/** What a draft can be made of. */
interface Network {
  features: string
  batchNorm: boolean
  inputShape: readonly number[]
  classes: number
  layers: readonly { kind: string; units: number | null; outputShape: readonly number[] }[]
}

/** A network as it is typed, and as it stands in the address. */
export const EMPTY_DRAFT = {
  name: '',
  title: '',
  features: '32,32,M,64,64,M,128,128,M',
  size: '32,32',
  classes: '10',
  /** "1" for a batch norm after each convolution. */
  batchNorm: '',
  head: 'flat',
  hidden: '',
  dropout: '',
  /** Cells along an edge of the average pool. */
  pool: '7',
}
export type Draft = typeof EMPTY_DRAFT
const FIELDS = Object.keys(EMPTY_DRAFT) as (keyof Draft)[]

export function readDraft(address: URLSearchParams): Draft {
  const draft = { ...EMPTY_DRAFT }
  for (const field of FIELDS) draft[field] = address.get(field) ?? draft[field]
  return draft
}

/** What of it the address has to say: null for what is as it is anyway. */
export function toAddress(draft: Draft): Record<string, string | null> {
  return Object.fromEntries(
    FIELDS.map((field) => [field, draft[field] === EMPTY_DRAFT[field] ? null : draft[field]]),
  )
}

/** What the API does not say of a network that has dropout is how much: the paper's, and ours when left out. */
const USUAL_DROPOUT = '0.5'

/** The address of a draft that is like a network. */
export function addressOf({ features, batchNorm, inputShape, classes, layers }: Network): string {
  const pool = layers.find(({ kind }) => kind === 'ADAPTIVE_AVG_POOL')
  const dense = layers.filter(({ kind }) => kind === 'DENSE')
  const draft: Draft = {
    ...EMPTY_DRAFT,
    features,
    size: inputShape.slice(0, 2).join(','),
    classes: String(classes),
    batchNorm: batchNorm ? '1' : '',
    hidden: dense
      .slice(0, -1)
      .map(({ units }) => units)
      .join(','),
    dropout: layers.some(({ kind }) => kind === 'DROPOUT') ? USUAL_DROPOUT : '',
    ...(pool !== undefined && { head: 'pooled', pool: String(pool.outputShape[0]) }),
  }
  const said = Object.entries(toAddress(draft)).filter(
    (entry): entry is [string, string] => entry[1] !== null,
  )
  return String(new URLSearchParams(said))
}

/** The name that a network without one is planned under. */
const UNNAMED = 'unnamed'

/**
 * The draft as the API takes it.
 * @throws Refusal for what is no number where one belongs
 */
export function toInput(draft: Draft) {
  const issues: Issue[] = []
  const number = (text: string, path: readonly string[], isWhole = true): number => {
    const value = Number(text)
    const isWrong = text.trim() === '' || !Number.isFinite(value) || (isWhole && !isInt(value))
    if (isWrong) issues.push({ path, message: `"${text.trim()}" is no ${isWhole ? 'whole ' : ''}number.` })
    return value
  }
  const numbers = (text: string, path: readonly string[]) =>
    text.trim() === '' ? [] : text.split(',').map((part) => number(part, path))
  const { head } = draft
  const kind = head === 'pooled' ? 'pooled' : 'flat'
  const dense = {
    hidden: numbers(draft.hidden, ['head', kind, 'hidden']),
    dropout: draft.dropout.trim() === '' ? 0 : number(draft.dropout, ['head', kind, 'dropout'], false),
  }
  const input = {
    name: draft.name === '' ? UNNAMED : draft.name,
    title: draft.title === '' ? null : draft.title,
    features: draft.features,
    batchNorm: draft.batchNorm === '1',
    inputSize: numbers(draft.size, ['inputSize']),
    classes: number(draft.classes, ['classes']),
    head:
      kind === 'pooled'
        ? { pooled: { ...dense, size: number(draft.pool, ['head', 'pooled', 'size']) } }
        : { flat: dense },
  }
  if (issues.length > 0) throw new Refusal('Some values are no numbers.', issues)
  return input
}

/** As GraphQL has whole numbers. */
function isInt(value: number): boolean {
  return Number.isInteger(value) && Math.abs(value) < 2 ** 31
}
