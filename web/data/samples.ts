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

/** Pixels along the edge of a picture that is one of many. */
const SHOWN = 96

/** Pixels along the edge of the square that a pixel is drawn as, for small pictures not to be blurred. */
export function scaleOf([height = SHOWN]: readonly number[]): number {
  return Math.max(1, Math.min(16, Math.round(SHOWN / height)))
}

/** As variables of SAMPLES. */
export function samplesOf({
  imageShape,
  ...asked
}: {
  id: string
  count: number
  seed: number
  split: Split
  imageShape: readonly number[]
}) {
  return { ...asked, scale: scaleOf(imageShape) }
}

/** Pictures of a data set, the same for the same seed. Null asks for none. */
export function useSamples(
  of: { id: string; count: number; seed: number; split: Split; imageShape: readonly number[] } | null,
) {
  const { data, error } = useQuery(SAMPLES, of === null ? null : samplesOf(of))
  const node = data?.node
  return { samples: of !== null && node?.__typename === 'Dataset' ? node.samples : null, error }
}
