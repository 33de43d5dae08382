import { afterAll, beforeAll, expect, test } from 'vitest'
import { CONTROLS } from '../../src/runs/model/status.ts'
import { applyControl, journalOf } from '../support/controls.ts'
import { type Event, isStatus, startRun, waitForEvent } from '../support/runs.ts'
import { sharedServer, stopServers, type TestServer } from '../support/server.ts'

/*
 * What every control does in every status is in test/system/runs/control-matrix.test.ts.
 */

let server: TestServer
/** A run at work. */
let id: string
beforeAll(async () => {
  server = await sharedServer()
  id = await startRun(server, { epochs: 1000, trainLimit: 240 })
  await waitForEvent(server, id, isStatus('RUNNING'))
})
afterAll(stopServers)

test('a control of a run that is not there, or with values that cannot be, says so', async () => {
  const nothing = Buffer.from('TrainingRun:nothing').toString('base64')
  for (const control of CONTROLS)
    expect((await applyControl(server, control, nothing)).__typename).toBe('NotFoundError')
  const waiting = await startRun(server)
  expect(await applyControl(server, 'PAUSE', waiting)).toMatchObject({ status: 'PAUSED' })
  for (const [control, more] of [
    ['UPDATE', ', input: {}'],
    ['UPDATE', ', input: { learningRate: -1 }'],
    ['UPDATE', ', input: { schedule: { step: { gamma: 7 } } }'],
    ['MOVE', ''],
    ['MOVE', ', position: 0'],
    ['MOVE', ', priority: 100000'],
    ['PAUSE', ', idempotencyKey: ""'],
  ] as const) {
    expect((await applyControl(server, control, waiting, more)).__typename, `${control}${more}`).toBe(
      'ValidationError',
    )
  }
})

test('the same key does a control once, also when it is sent twice at once', async () => {
  const PAUSE = `mutation ($id: ID!) {
    pauseTrainingRun(id: $id, idempotencyKey: "once") { __typename ... on TrainingRun { status } ... on Error { message } }
  }`
  const answers = await Promise.all([1, 2].map(() => server.query(PAUSE, { id })))
  for (const { pauseTrainingRun } of answers) expect(pauseTrainingRun).toMatchObject({ status: 'PAUSED' })
  await applyControl(server, 'RESUME', id)
  await waitForEvent(server, id, (event) => isStatus('RUNNING')(event) && event.attempt === 2)
  // It was done: sent again after the run has gone on, it does not pause it again.
  expect((await server.query(PAUSE, { id })).pauseTrainingRun.__typename).toBe('TrainingRun')
  const controls = (await journalOf(server, id)).filter((event) => event.__typename === 'ControlApplied')
  expect(controls.map(({ control }) => control)).toEqual(['PAUSE', 'RESUME'])
  await applyControl(server, 'CANCEL', id)
})

test('a run tells each status that it went to, and of each attempt the training that had led to it', async () => {
  const { trainingRun } = await server.query(
    `query ($id: ID!) { trainingRun(id: $id) {
      statusChanges { status step attempt at failure { code } }
      attempts { attempt fromStep startedAt secondsBefore }
    } }`,
    { id },
  )
  const { statusChanges, attempts } = trainingRun
  const journal = (await journalOf(server, id)).filter((event) => event.__typename === 'StatusChanged')
  expect(statusChanges.map(({ status, at }: Event) => ({ status, at }))).toEqual(
    journal.map(({ status, at }) => ({ status, at })),
  )
  const pause = statusChanges.find(({ status }: Event) => status === 'PAUSED')
  const [first, second] = attempts
  expect(first).toMatchObject({ attempt: 1, fromStep: 0, secondsBefore: 0 })
  expect(second.fromStep).toBe(pause.step)
  // From the start to the checkpoint of the pause: what came behind that is no training.
  const untilPause = (Date.parse(pause.at) - Date.parse(first.startedAt)) / 1000
  expect(second.secondsBefore).toBeGreaterThan(0)
  expect(second.secondsBefore).toBeLessThanOrEqual(untilPause)
})
