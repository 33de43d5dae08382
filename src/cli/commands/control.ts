import { graphql } from '../../client/graphql.ts'
import { expectOf } from '../answers.ts'
import type { Command, Invocation } from '../command.ts'
import { runIdOf } from '../run-ref.ts'

const CONTROLLED = graphql(`
  fragment Controlled on TrainingRun { id number name status progress { step steps } }
`)
const PAUSE = graphql(
  `
    mutation PauseRun($id: ID!, $idempotencyKey: String) {
      run: pauseTrainingRun(id: $id, idempotencyKey: $idempotencyKey) {
        __typename
        ...Controlled
        ... on Error { message }
      }
    }
  `,
  [CONTROLLED],
)
const RESUME = graphql(
  `
    mutation ResumeRun($id: ID!, $idempotencyKey: String) {
      run: resumeTrainingRun(id: $id, idempotencyKey: $idempotencyKey) {
        __typename
        ...Controlled
        ... on Error { message }
      }
    }
  `,
  [CONTROLLED],
)
const CANCEL = graphql(
  `
    mutation CancelRun($id: ID!, $idempotencyKey: String) {
      run: cancelTrainingRun(id: $id, idempotencyKey: $idempotencyKey) {
        __typename
        ...Controlled
        ... on Error { message }
      }
    }
  `,
  [CONTROLLED],
)

function control(
  name: string,
  document: typeof PAUSE | typeof RESUME | typeof CANCEL,
  summary: string,
): Command {
  return {
    name,
    takes: 'RUN',
    summary,
    options: {},
    count: { least: 1, most: 1 },
    async run({ client, screen, json, positionals: [ref] }: Invocation) {
      const id = await runIdOf(client, ref!)
      const { run } = await client.mutate(document as typeof PAUSE, { id })
      const done = expectOf(run, 'TrainingRun')
      const { step, steps } = done.progress
      screen.print(
        json ? JSON.stringify(done) : `Run #${done.number} is ${done.status} at step ${step} of ${steps}.`,
      )
      return 0
    },
  }
}

export const pause = control('pause', PAUSE, 'stops a run after its present step, to be resumed')
export const resume = control('resume', RESUME, 'lets a run that is PAUSED or FAILED go on')
export const cancel = control('cancel', CANCEL, 'ends a run for good; its checkpoints stay')
