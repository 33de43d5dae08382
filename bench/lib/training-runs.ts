/** Training runs of a server, through its API. */
import { UsageError } from './bench.ts'
import type { BenchServer, Data } from './server.ts'

const START = `mutation ($input: StartTrainingRunInput!) {
  startTrainingRun(input: $input) { __typename ... on TrainingRun { id } ... on Error { message } }
}`

const EVENTS = `subscription ($id: ID!) {
  trainingRunEvents(id: $id) {
    __typename
    ... on LossPoints { points { step loss } }
    ... on EpochEnded { summary { epoch trainLoss testAccuracy } }
    ... on StatusChanged { status failure { message } }
  }
}`

/** An `--input`, over what the bench asks for. */
export function inputOf(usual: object, text = '{}'): object {
  try {
    return { ...usual, ...JSON.parse(text) }
  } catch (error) {
    throw new UsageError(`--input: ${(error as Error).message}`)
  }
}

/** @returns its id */
export async function startRun(server: BenchServer, input: object): Promise<string> {
  const { startTrainingRun: run } = await server.query(START, { input })
  if (run.__typename !== 'TrainingRun') throw new Error(run.message)
  return run.id
}

/** Every event until the run has ended; a run that fails throws. */
export async function* eventsOf(server: BenchServer, id: string): AsyncGenerator<Data, void> {
  for await (const { trainingRunEvents: event } of server.watch(EVENTS, { id })) {
    if (event.failure != null) throw new Error(event.failure.message)
    yield event
  }
}
