import type { TestServer } from './server.ts'

/** A run that is over in seconds: a small network, few images. */
export const TINY = {
  architecture: 'vgg_mini',
  epochs: 1,
  batchSize: 16,
  trainLimit: 64,
  testLimit: 32,
  logEvery: 1,
  seed: 7,
}

export const START = `mutation Start($input: StartTrainingRunInput!) {
  startTrainingRun(input: $input) {
    __typename
    ... on TrainingRun { id number name status seed }
    ... on ValidationError { message issues { path message } }
    ... on Error { message }
  }
}`

export const EVENTS = `subscription Events($id: ID!, $after: Cursor) {
  trainingRunEvents(id: $id, after: $after) {
    __typename
    ... on RunEvent { cursor at }
    ... on LossPoints { points { step epoch loss layer learningRate imagesPerSecond attempt } }
    ... on EpochEnded { summary { epoch trainLoss testLoss testAccuracy } }
    ... on StatusChanged { status failure { code message step layer } step attempt }
    ... on ControlApplied { control step change { step learningRate epochs } }
    ... on CheckpointSaved { step digest bytes }
    ... on Lagged { from to }
  }
}`

/** The mutation pauseTrainingRun, resumeTrainingRun or cancelTrainingRun. */
export const CONTROL = (name: 'pause' | 'resume' | 'cancel') => `mutation Control($id: ID!, $key: String) {
  ${name}TrainingRun(id: $id, idempotencyKey: $key) {
    __typename
    ... on TrainingRun { status progress { step epoch } finishedAt }
    ... on Error { message }
  }
}`

// biome-ignore lint/suspicious/noExplicitAny: members of a union, told apart by __typename
export type Event = any

/** Starts a run on the data set of the server and answers its id. */
export async function startRun(server: TestServer, input: object = {}): Promise<string> {
  const { startTrainingRun } = await server.query(START, {
    input: { ...TINY, dataset: server.dataset, ...input },
  })
  if (startTrainingRun.__typename !== 'TrainingRun') throw new Error(startTrainingRun.message)
  return startTrainingRun.id
}

/** Every event of a run until the stream completes. */
export async function collectEvents(server: TestServer, id: string, query = EVENTS): Promise<Event[]> {
  const events: Event[] = []
  for await (const { data, errors } of server.subscribe(query, { id })) {
    if (errors !== undefined) throw new Error(errors[0].message)
    events.push(data.trainingRunEvents)
  }
  return events
}

/** Waits on the run's stream for an event. */
export async function waitForEvent(
  server: TestServer,
  id: string,
  accept: (event: Event) => boolean,
): Promise<Event> {
  for await (const { data, errors } of server.subscribe(EVENTS, { id })) {
    if (errors !== undefined) throw new Error(errors[0].message)
    if (accept(data.trainingRunEvents)) return data.trainingRunEvents
  }
  throw new Error('the run ended before the event came')
}

export const isStatus = (status: string) => (event: Event) =>
  event.__typename === 'StatusChanged' && event.status === status

/** Starts a run, waits until it has COMPLETED, and answers its id. */
export async function completeRun(server: TestServer, input: object = {}): Promise<string> {
  const id = await startRun(server, input)
  await waitForEvent(server, id, isStatus('COMPLETED'))
  return id
}

/** The sha256 of the weights that a COMPLETED run came to. */
export async function finalDigest(server: TestServer, id: string): Promise<string> {
  const { trainingRun } = await server.query(
    'query Digest($id: ID!) { trainingRun(id: $id) { modelVersions { digest } } }',
    { id },
  )
  return trainingRun.modelVersions[0].digest
}

/** Cancels every run that is not over; the newest first, so that none begins because another one ends. */
export async function cancelRuns(server: TestServer): Promise<void> {
  const { trainingRuns } = await server.query(
    '{ trainingRuns(status: [QUEUED, PREPARING, RUNNING, PAUSED], first: 100) { edges { node { id } } } }',
  )
  for (const { node } of trainingRuns.edges) await server.query(CONTROL('cancel'), { id: node.id })
}
