/**
 * What of the arguments of a mutation is told: those that are named here, and nothing else. What is added to the API is no
 * secret that somebody forgot to leave out, but a value that nobody thought of telling.
 */
export const TOLD: ReadonlySet<string> = new Set([
  'architecture',
  'batchSize',
  'dataset',
  'epochs',
  'expiresAt',
  'learningRate',
  'limit',
  'model',
  'name',
  'owner',
  'position',
  'priority',
  'protected',
  'role',
  'seed',
  'steps',
  'title',
  'upload',
  'versionId',
])

const MAX_CHARACTERS = 200

export type Detail = { [name: string]: string | number | boolean }

/** The arguments that are told, also those of an argument `input`; null for none. Texts are cut at 200 characters. */
export function detailOf(args: Readonly<Record<string, unknown>>): Detail | null {
  const { input } = args
  const given = typeof input === 'object' && input !== null ? { ...args, ...input } : args
  const told: Detail = {}
  for (const [name, value] of Object.entries(given)) {
    const plain = value instanceof Date ? value.toISOString() : value
    if (!TOLD.has(name)) continue
    if (typeof plain === 'string') told[name] = cut(plain)
    if (typeof plain === 'number' || typeof plain === 'boolean') told[name] = plain
  }
  return Object.keys(told).length === 0 ? null : told
}

/** By code points: half of one is kept by no database. */
function cut(text: string): string {
  return [...text.slice(0, 2 * MAX_CHARACTERS)].slice(0, MAX_CHARACTERS).join('')
}
