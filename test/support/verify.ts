import type { TestServer } from './server.ts'

export const VERIFY = `mutation ($id: ID!, $steps: Int!) {
  verifyReproduction(id: $id, steps: $steps) {
    __typename
    ... on Reproduction {
      steps points identical sameDevice engineDifferences
      engine { kind }
      attempts { attempt engine { kind threads } }
      firstDifference { step expected actual difference }
    }
    ... on ValidationError { issues { path message } }
    ... on Error { message }
  }
}`

/** Everything that steps depend on: order, augmentation, batch norm, momentum, a schedule, epochs. */
export const RUN = { epochs: 3, trainLimit: 72, batchSize: 16, logEvery: 2, augmentation: { cropPadding: 4 } }
/** So many has such a run. */
export const STEPS = 15

export async function verify(server: TestServer, id: string, steps: number) {
  return (await server.query(VERIFY, { id, steps })).verifyReproduction
}
