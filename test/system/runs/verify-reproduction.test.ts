import { afterAll, beforeAll, expect, test } from 'vitest'
import { collectEvents, completeRun, finalDigest } from '../../support/runs.ts'
import { sharedServer, stopServers, type TestServer } from '../../support/server.ts'
import { RUN, STEPS, verify } from '../../support/verify.ts'

let server: TestServer
/** A run that has ended. */
let id: string
beforeAll(async () => {
  server = await sharedServer()
  id = await completeRun(server, RUN)
})
afterAll(stopServers)

test('a run that is trained again from its seed, or from its initial weights, is identical', async () => {
  const before = await collectEvents(server, id)
  const engine = await server.engineKind()
  expect(await verify(server, id, STEPS)).toEqual({
    __typename: 'Reproduction',
    steps: STEPS,
    // Windows of 2 steps, and a short one at the end of each epoch of 5.
    points: 9,
    identical: true,
    sameDevice: true,
    engineDifferences: [],
    engine: { kind: engine },
    attempts: [{ attempt: 1, engine: { kind: engine, threads: expect.any(Number) } }],
    firstDifference: null,
  })
  expect(await collectEvents(server, id)).toEqual(before)

  const { trainingRun } = await server.query(
    'query ($id: ID!) { trainingRun(id: $id) { checkpoints { id } } }',
    { id },
  )
  const fork = await completeRun(server, {
    ...RUN,
    transfer: { from: trainingRun.checkpoints[0].id, freeze: { part: 'FEATURES' } },
  })
  expect(await finalDigest(server, fork)).not.toBe(await finalDigest(server, id))
  expect(await verify(server, fork, STEPS)).toMatchObject({ identical: true, points: 9 })
})

test('steps are rounded up to the end of the window of a loss point, and no more than there are', async () => {
  expect(await verify(server, id, 1)).toMatchObject({ steps: 2, points: 1, identical: true })
  expect(await verify(server, id, 5)).toMatchObject({ steps: 5, points: 3, identical: true })
  const tooMany = await verify(server, id, STEPS + 1)
  expect(tooMany.issues).toEqual([
    { path: ['steps'], message: expect.stringMatching(/losses of 15 steps .* not of 16/) },
  ])
  for (const steps of [0, 10_001]) {
    const { issues } = await verify(server, id, steps)
    expect(issues).toEqual([{ path: ['steps'], message: expect.stringMatching(/From 1 to 10000/) }])
  }
  const unknown = Buffer.from('TrainingRun:nothing').toString('base64')
  expect(await verify(server, unknown, 1)).toMatchObject({ __typename: 'NotFoundError' })
})
