import type { Control } from '../../src/runs/model/status.ts'
import { EVENTS, type Event } from './runs.ts'
import type { TestServer } from './server.ts'

/** What each control is asked for with. */
const ARGUMENTS: Record<Control, string> = {
  PAUSE: '',
  RESUME: '',
  CANCEL: '',
  UPDATE: ', input: { learningRate: 0.001, epochs: 1234 }',
  MOVE: ', position: 1',
}

/** Asks for a control and answers the member of its result. */
export async function applyControl(
  server: TestServer,
  control: Control,
  id: string,
  more = ARGUMENTS[control],
): Promise<Event> {
  const field = `${control.toLowerCase()}TrainingRun`
  const result = await server.query(
    `mutation ($id: ID!) { ${field}(id: $id${more}) { __typename ... on TrainingRun { status } ... on Error { message } } }`,
    { id },
  )
  return result[field]
}

/** The place in the journal of a run that nothing has happened to. */
const NOTHING_YET = Buffer.from('event:0').toString('base64url')

/** What the journal of a run has now: the first so many events. */
export async function journalOf(server: TestServer, id: string): Promise<Event[]> {
  const { trainingRun } = await server.query('query ($id: ID!) { trainingRun(id: $id) { cursor } }', { id })
  const events: Event[] = []
  if (trainingRun.cursor === NOTHING_YET) return events
  for await (const { data } of server.subscribe(EVENTS, { id })) {
    events.push(data.trainingRunEvents)
    if (data.trainingRunEvents.cursor === trainingRun.cursor) break
  }
  return events
}
