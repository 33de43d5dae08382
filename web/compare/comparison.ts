import { useEffect, useState } from 'preact/hooks'
import { graphql, type ResultOf } from '../../src/client/graphql.ts'
import { client, reconnections } from '../live/api.ts'
import { RUN_CARD } from '../live/runs-changed.ts'
import { RUN_TRACK } from '../run/track.ts'

export const COMPARISON = graphql(
  `
    query Comparison($ids: [ID!]!) {
      compareTrainingRuns(ids: $ids) {
        __typename
        ... on RunComparison {
          runs {
            ...RunCard
            ...RunTrack
            dataset { classes }
            changes { step learningRate epochs schedule { __typename } rateBefore rateAfter }
            statusChanges { status step attempt at failure { code step layer } }
          }
          differences { path values }
          epochs { epoch summaries { testAccuracy testLoss } }
          figures {
            bestTestAccuracy
            bestEpoch
            lastTestAccuracy
            bestTestLoss
            lastTestLoss
            seconds
            imagesPerSecond
            evaluation {
              loss
              accuracy
              top5Accuracy
              balancedAccuracy
              count
              unanswered
              confusions(first: 1000) { label predicted count }
              perClass { label precision recall f1 count predicted }
            }
          }
        }
        ... on Error { message }
      }
    }
  `,
  [RUN_CARD, RUN_TRACK],
)

export type Comparison = Extract<
  ResultOf<typeof COMPARISON>['compareTrainingRuns'],
  { __typename: 'RunComparison' }
>

/** The query that compares some runs, as the playground opens it. */
export function comparisonOf(runs: readonly { id: string }[]) {
  return { text: COMPARISON, variables: { ids: runs.map(({ id }) => id) } }
}

export type ComparedRun = Comparison['runs'][number]

const RUN_NAMED = graphql(`
  query RunNamed($number: Int!) { trainingRun(number: $number) { id number name } }
`)

export type Named = NonNullable<ResultOf<typeof RUN_NAMED>['trainingRun']>

/** The run of each number; undefined while it is asked for, null where there is none. */
export function useRunsNumbered(numbers: readonly number[]): {
  runs: readonly (Named | null | undefined)[]
  error: Error | null
} {
  const [known, setKnown] = useState<ReadonlyMap<number, Named | null>>(new Map())
  const [error, setError] = useState<Error | null>(null)
  const missing = numbers.filter((number) => !known.has(number))
  useEffect(() => {
    if (missing.length === 0) return
    const leaving = new AbortController()
    const { signal } = leaving
    Promise.all(missing.map((number) => client.query(RUN_NAMED, { number }, { signal }))).then(
      (answers) =>
        setKnown(
          (before) =>
            new Map([...before, ...answers.map(({ trainingRun }, i) => [missing[i]!, trainingRun] as const)]),
        ),
      (reason: Error) => {
        if (!signal.aborted) setError(reason)
      },
    )
    return () => leaving.abort()
    // Whoever is connected again asks again for what could not be asked.
  }, [missing.join(), reconnections.value])
  return { runs: numbers.map((number) => known.get(number)), error: missing.length === 0 ? null : error }
}
