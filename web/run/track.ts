import { graphql, type ResultOf } from '../../src/client/graphql.ts'
import type { Track } from '../chart/axis.ts'

/** What lays the points of a run over an axis. */
export const RUN_TRACK = graphql(`
  fragment RunTrack on TrainingRun {
    attempts { attempt fromStep startedAt secondsBefore }
    progress { epochs steps }
    dataset { trainCount }
    hyperparameters { trainLimit }
  }
`)

export function trackOf({
  attempts,
  progress: { epochs, steps },
  dataset: { trainCount },
  hyperparameters: { trainLimit },
}: ResultOf<typeof RUN_TRACK>): Track {
  return {
    attempts,
    stepsPerEpoch: epochs === 0 ? 0 : steps / epochs,
    imagesPerEpoch: Math.min(trainLimit ?? trainCount, trainCount),
  }
}

/** The last step of each attempt that counts: what a later one went on from, later ones have trained again. */
export function endsOf(attempts: Track['attempts']): ReadonlyMap<number, number> {
  return new Map(
    attempts.map(({ attempt }, i) => [
      attempt,
      Math.min(Number.POSITIVE_INFINITY, ...attempts.slice(i + 1).map(({ fromStep }) => fromStep)),
    ]),
  )
}
