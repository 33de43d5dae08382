import { type ResultOf, typed } from './document.ts'
import { graphql } from './graphql.ts'

/** What `follow` asks for: all that an event says. */
export const RUN_EVENTS = typed(
  graphql(`
    subscription FollowRun($id: ID!, $after: Cursor) {
      trainingRunEvents(id: $id, after: $after) {
        __typename
        ... on RunEvent { cursor at }
        ... on LossPoints { points { step epoch loss nonFinite learningRate imagesPerSecond attempt at } }
        ... on EpochEnded {
          summary { epoch trainLoss trainAccuracy testLoss testAccuracy seconds attempt }
          pinned { split index label probabilities { label probability } }
        }
        ... on StatusChanged { status step attempt failure { code message step layer } }
        ... on ControlApplied {
          control
          step
          change { step learningRate epochs continueFromLastRate rateBefore rateAfter }
        }
        ... on CheckpointSaved { step digest bytes }
      }
    }
  `),
)

/** What `followLog` asks for. */
export const RUN_LOG_LINES = typed(
  graphql(`
    subscription FollowRunLog($id: ID!, $after: LogCursor) {
      runLogLines(id: $id, after: $after) { cursor number attempt stream text at }
    }
  `),
)

/** Where a run is, to tell a stream that ended with it from one that was ended. */
export const RUN_STATUS = typed(
  graphql(`
    query RunStatus($id: ID!) {
      trainingRun(id: $id) { status }
    }
  `),
)

export type RunEvent = Exclude<ResultOf<typeof RUN_EVENTS>['trainingRunEvents'], { __typename: 'Lagged' }>
export type RunLogLine = ResultOf<typeof RUN_LOG_LINES>['runLogLines']
