import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openDatabase } from '../../../src/db/client.ts'
import type { PrismaClient } from '../../../src/db/generated/client.ts'
import { CONTROL, completeRun, startRun, waitForEvent } from '../../support/runs.ts'
import { startServer, stopServers, type TestServer } from '../../support/server.ts'
import { RUN, STEPS, VERIFY, verify } from '../../support/verify.ts'

/** Stops a server, alters its database, and starts another one on it. */
async function altered(server: TestServer, alter: (prisma: PrismaClient) => Promise<unknown>) {
  await server.stop()
  const database = await openDatabase({ folder: join(server.dataDir, 'database') })
  await alter(database.prisma)
  await database.close()
  return startServer({ dataDir: server.dataDir })
}

const rowId = (id: string) => Buffer.from(id, 'base64').toString().split(':')[1]

let server: TestServer
beforeAll(async () => {
  server = await startServer()
})
afterAll(stopServers)

test('a change on the way is made again at its step', async () => {
  const id = await startRun(server, { ...RUN, epochs: 1000, schedule: { constant: true } })
  await waitForEvent(server, id, ({ points }) => points !== undefined)
  const update =
    'mutation ($id: ID!) { updateTrainingRun(id: $id, input: { learningRate: 0.001 }) { __typename } }'
  await server.query(update, { id })
  const { step } = await waitForEvent(server, id, ({ control }) => control === 'UPDATE')
  await waitForEvent(server, id, ({ points }) =>
    points?.some((point: { step: number }) => point.step > step + 2),
  )
  expect(await verify(server, id, step + 2)).toMatchObject({ identical: true })
  await server.query('mutation ($id: ID!) { cancelTrainingRun(id: $id) { __typename } }', { id })
})

test('while a run is verified another verification is refused, and the deletion of the run ends it', async () => {
  const id = await completeRun(server, RUN)
  const first = verify(server, id, STEPS - 1)
  await server.logged(({ msg, steps }) => msg === 'verification started' && steps === STEPS - 1)
  expect(await verify(server, id, 1)).toMatchObject({ __typename: 'OverloadedError' })
  await server.query('mutation ($id: ID!) { deleteTrainingRun(id: $id) { __typename } }', { id })
  expect(await first).toMatchObject({ __typename: 'NotFoundError' })
})

test('a verification ends when whoever asked for it is gone', async () => {
  const id = await completeRun(server, RUN)
  const abort = new AbortController()
  const asked = fetch(`${server.url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ query: VERIFY, variables: { id, steps: STEPS - 3 } }),
    signal: abort.signal,
  })
  const { trainer } = await server.logged(
    ({ msg, steps }) => msg === 'verification started' && steps === STEPS - 3,
  )
  abort.abort()
  await expect(asked).rejects.toThrow()
  const { points } = await server.logged(
    (line) => line.msg === 'verification ended' && line.trainer === trainer,
  )
  expect(points).toBe(0)
  expect(await verify(server, id, 1)).toMatchObject({ identical: true })
})

test('a server that stops ends a verification and says so', async () => {
  const mine = await startServer()
  const answer = verify(mine, await completeRun(mine), 4)
  await mine.logged(({ msg }) => msg === 'verification started')
  await mine.stop()
  expect(await answer).toMatchObject({
    __typename: 'OverloadedError',
    message: expect.stringMatching(/is stopping/),
  })
})

test('a loss that is not what the run has is told with its step, and by how much', async () => {
  const mine = await startServer()
  const [wrong, elsewhere, other] = [
    await completeRun(mine),
    await completeRun(mine),
    await completeRun(mine),
  ]
  const next = await altered(mine, async (prisma) => {
    const { attempt, loss } = await prisma.lossPoint.findFirstOrThrow({
      where: { runId: rowId(wrong), step: 3 },
    })
    await prisma.lossPoint.update({
      where: { runId_attempt_step: { runId: rowId(wrong), attempt, step: 3 } },
      data: { loss: loss! + 0.125 },
    })
    await prisma.runAttempt.updateMany({
      where: { runId: rowId(elsewhere) },
      data: {
        engine: {
          kind: 'WEBGPU',
          device: 'a GPU',
          processor: 'a GPU',
          instructionSet: 'WebGPU',
          threads: null,
          notTaken: [],
        },
      },
    })
    await prisma.trainingRun.update({ where: { id: rowId(other) }, data: { datasetDigest: 'another' } })
  })
  expect(await verify(next, wrong, 2)).toMatchObject({ identical: true })
  const { identical, points, firstDifference } = await verify(next, wrong, 4)
  expect({ identical, points }).toEqual({ identical: false, points: 4 })
  expect(firstDifference.step).toBe(3)
  expect(firstDifference.difference).toBeCloseTo(-0.125, 10)
  expect(firstDifference.actual - firstDifference.expected).toBe(firstDifference.difference)

  const noEngine = await verify(next, elsewhere, 1)
  expect(noEngine).toMatchObject({ __typename: 'ConflictError', message: expect.stringMatching(/webgpu/i) })
  const noData = await verify(next, other, 1)
  expect(noData).toMatchObject({
    __typename: 'ConflictError',
    message: expect.stringMatching(/not the one that run #3 learned from \(another\)/),
  })
})

test('a run of the native engine is identical with another number of threads, and says that these are others', async () => {
  const mine = await startServer({ env: { ENGINE: 'native', NATIVE_THREADS: '1' } })
  const id = await completeRun(mine, RUN)
  await mine.stop()
  const next = await startServer({
    dataDir: mine.dataDir,
    env: { ENGINE: 'wasm', NATIVE_THREADS: '2' },
  })
  expect(await verify(next, id, STEPS)).toMatchObject({
    identical: true,
    sameDevice: false,
    engineDifferences: ['THREADS'],
    engine: { kind: 'NATIVE' },
    attempts: [{ attempt: 1, engine: { kind: 'NATIVE', threads: 1 } }],
  })

  // A run that goes on elsewhere: its first steps are the one engine's, the later ones the other's.
  const moved = await startRun(next, { ...RUN, epochs: 1000, schedule: { constant: true } })
  await waitForEvent(next, moved, ({ points }) => points !== undefined)
  const { pauseTrainingRun } = await next.query(CONTROL('pause'), { id: moved })
  const { step } = pauseTrainingRun.progress
  await next.stop()
  const last = await startServer({
    dataDir: mine.dataDir,
    env: { ENGINE: 'native', NATIVE_THREADS: '1' },
  })
  await last.query(CONTROL('resume'), { id: moved })
  await waitForEvent(last, moved, ({ points }) => points?.some((it: { step: number }) => it.step >= step + 2))
  await last.query(CONTROL('cancel'), { id: moved })
  const { trainingRun } = await last.query(
    'query ($id: ID!) { trainingRun(id: $id) { engine { kind } attempts { fromStep engine { kind instructionSet } } } }',
    { id: moved },
  )
  expect(trainingRun.engine.kind).toBe('NATIVE')
  expect(trainingRun.attempts).toMatchObject([
    { fromStep: 0, engine: { kind: 'WASM', instructionSet: 'WebAssembly SIMD' } },
    { fromStep: step, engine: { kind: 'NATIVE' } },
  ])
  expect(await verify(last, moved, 2)).toMatchObject({
    identical: true,
    sameDevice: true,
    engine: { kind: 'WASM' },
    attempts: [{ attempt: 1 }],
  })
  const both = await verify(last, moved, step + 2)
  expect(both).toMatchObject({
    sameDevice: false,
    engine: { kind: 'WASM' },
    attempts: [{ attempt: 1 }, { attempt: 2, engine: { kind: 'NATIVE' } }],
  })
  expect(both.engineDifferences).toEqual(['KIND', 'INSTRUCTION_SET'])
})
