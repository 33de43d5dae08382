import { useQuery } from '../live/query.ts'
import { SAMPLES } from './documents.ts'

export type Split = 'TRAIN' | 'TEST'

const SEEDS = 1_000_000

/** Another seed than the one before. */
export function otherSeed(): number {
  return Math.floor(Math.random() * SEEDS)
}

/** The seed that an address has; null when it has none. */
export function readSeed(text: string | null): number | null {
  const seed = Number(text ?? Number.NaN)
  return Number.isSafeInteger(seed) && seed >= 0 && seed < 2 ** 31 ? seed : null
}

/** Pictures of a data set, the same for the same seed. Null asks for none. */
export function useSamples(of: { id: string; count: number; seed: number; split: Split } | null) {
  const { data, error } = useQuery(SAMPLES, of)
  const node = data?.node
  return { samples: of !== null && node?.__typename === 'Dataset' ? node.samples : null, error }
}
