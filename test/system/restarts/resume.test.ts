import { existsSync, readdirSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  CONTROL,
  collectEvents,
  type Event,
  finalDigest,
  isStatus,
  startRun,
  waitForEvent,
} from '../../support/runs.ts'
import { startServer, stopServers, type TestServer } from '../../support/server.ts'
import { batchesTracked } from '../../support/weights.ts'

/** Everything that a checkpoint has to hold: batch norm, momentum, augmentation, a schedule, windows over steps. */
const RUN = {
  epochs: 3,
  trainLimit: 200,
  testLimit: 32,
  batchSize: 16,
  logEvery: 5,
  seed: 11,
  augmentation: { horizontalFlip: true, cropPadding: 4 },
  checkpoints: { everySteps: 3 },
}
const STEPS_PER_EPOCH = Math.ceil(200 / 16)

let server: TestServer
beforeAll(async () => {
  server = await startServer()
})
afterAll(stopServers)

/** What a run learned, without what may differ: when, and how fast. */
function losses(events: Event[]): unknown[] {
  return events
    .flatMap((event) => event.points ?? [])
    .map(({ step, loss, learningRate }) => [step, loss, learningRate])
}

/** The same of a run whose trainer died: each step once, of the attempt that counts. */
function lossesThatCount(events: Event[]): unknown[] {
  const [, again] = events.filter(isStatus('RUNNING'))
  const counts = ({ attempt, step }: Event) => attempt === 2 || step <= again!.step
  return losses(events.map(({ points }) => ({ points: points?.filter(counts) }) as Event))
}

describe('a run that was interrupted', () => {
  const undisturbed: { digest: string; losses: unknown[] } = { digest: '', losses: [] }
  beforeAll(async () => {
    const id = await startRun(server, RUN)
    undisturbed.losses = losses(await collectEvents(server, id))
    undisturbed.digest = await finalDigest(server, id)
  })

  test('by a pause goes on to the same losses and the same bytes, and frees the engine meanwhile', async () => {
    const id = await startRun(server, RUN)
    await waitForEvent(server, id, (event) => event.points?.some((point: Event) => point.step >= 5))
    const { pauseTrainingRun: paused } = await server.query(CONTROL('pause'), { id })
    expect(paused).toMatchObject({ __typename: 'TrainingRun', status: 'PAUSED' })
    const { step } = paused.progress

    const other = await startRun(server)
    expect((await collectEvents(server, other)).at(-1)).toMatchObject({ status: 'COMPLETED' })

    await server.query(CONTROL('resume'), { id })
    const events = await collectEvents(server, id)
    expect(losses(events)).toEqual(undisturbed.losses)
    expect(await finalDigest(server, id)).toBe(undisturbed.digest)
    const controls = events.filter((event) => event.__typename === 'ControlApplied')
    expect(controls.map(({ control, step: at }) => [control, at])).toEqual([
      ['PAUSE', step],
      ['RESUME', step],
    ])
    const starts = events.filter(isStatus('RUNNING'))
    expect(starts.map(({ attempt, step: from }) => [attempt, from])).toEqual([
      [1, 0],
      [2, step],
    ])
  })

  test('by the death of its trainer goes on by itself from its checkpoint, and says so', async () => {
    const id = await startRun(server, RUN)
    const { trainingRun } = await server.query('query ($id: ID!) { trainingRun(id: $id) { number } }', { id })
    const line = await server.logged((it) => it.msg === 'trainer started' && it.run === trainingRun.number)
    await waitForEvent(
      server,
      id,
      (event) => event.__typename === 'CheckpointSaved' && event.step % STEPS_PER_EPOCH > 0,
    )
    process.kill(line.trainer as number, 'SIGKILL')
    const events = await collectEvents(server, id)
    const interrupted = events.find((event) => event.status === 'QUEUED')
    expect(interrupted).toMatchObject({ failure: { code: 'TRAINER_DIED' } })
    const [, again] = events.filter(isStatus('RUNNING'))
    expect(again).toMatchObject({ attempt: 2, step: interrupted.step })
    expect(again.step).toBeGreaterThan(0)
    expect(lossesThatCount(events)).toEqual(undisturbed.losses)
    expect(await finalDigest(server, id)).toBe(undisturbed.digest)
    expect(events.filter(({ summary }) => summary?.epoch === 3)).toHaveLength(1)
  })

  test('with frozen layers goes on to the same bytes, and computes what they make again', async () => {
    const { trainingRun } = await server.query('{ trainingRun(number: 1) { modelVersions { id } } }')
    const transfer = { from: trainingRun.modelVersions[0].id, freeze: { part: 'FEATURES' }, head: 'NEW' }
    // Steps from what was computed take a millisecond: there are to be many left when its trainer is killed.
    const run = { ...RUN, epochs: 30, augmentation: {}, checkpoints: { everySteps: 5 }, transfer }
    const whole = await startRun(server, run)
    const wanted = losses(await collectEvents(server, whole))
    const id = await startRun(server, run)
    const { trainingRun: mine } = await server.query(
      'query ($id: ID!) { trainingRun(id: $id) { number transfer { digest } } }',
      { id },
    )
    const line = await server.logged((it) => it.msg === 'trainer started' && it.run === mine.number)
    await waitForEvent(
      server,
      id,
      (event) => event.__typename === 'CheckpointSaved' && event.step % STEPS_PER_EPOCH > 0,
    )
    process.kill(line.trainer as number, 'SIGKILL')
    rmSync(join(server.dataDir, 'artifacts', `${mine.transfer.digest}.derived`), { recursive: true })
    expect(lossesThatCount(await collectEvents(server, id))).toEqual(wanted)
    expect(await finalDigest(server, id)).toBe(await finalDigest(server, whole))
  })

  test('by a stop of the server goes on with the next start, from the very step', async () => {
    const mine = await startServer()
    const id = await startRun(mine, RUN)
    await waitForEvent(mine, id, (event) => event.points?.some((point: Event) => point.step >= 5))
    await mine.stop()
    const next = await startServer({ dataDir: mine.dataDir })
    const events = await collectEvents(next, id)
    expect(losses(events)).toEqual(undisturbed.losses)
    expect(await finalDigest(next, id)).toBe(undisturbed.digest)
    expect(events.find((event) => event.status === 'QUEUED')).toMatchObject({
      failure: { code: 'SERVER_STOPPED' },
    })
  })

  test('more often than MAX_RESTARTS at one place FAILS, and can be resumed by hand', async () => {
    const mine = await startServer({ env: { MAX_RESTARTS: '1' } })
    const id = await startRun(mine, { ...RUN, checkpoints: { everySeconds: null }, epochs: 1 })
    for (const attempt of [1, 2]) {
      await waitForEvent(mine, id, (event) => isStatus('RUNNING')(event) && event.attempt === attempt)
      const line = await mine.logged((it) => it.msg === 'trainer started' && it.attempt === attempt)
      process.kill(line.trainer as number, 'SIGKILL')
    }
    const events = await collectEvents(mine, id)
    expect(events.at(-1)).toMatchObject({ status: 'FAILED', failure: { code: 'TRAINER_DIED' } })
    expect(events.at(-1).failure.message).toMatch(/MAX_RESTARTS is 1/)
    await mine.query(CONTROL('resume'), { id })
    expect((await collectEvents(mine, id)).at(-1)).toMatchObject({ status: 'COMPLETED' })
  })
})

describe('a run whose newest checkpoint is damaged', () => {
  let undisturbed: string
  let expected: unknown[]
  beforeAll(async () => {
    undisturbed = await startRun(server, RUN)
    expected = losses(await collectEvents(server, undisturbed))
  })

  /** A run that rests in the midst of its first epoch with two checkpoints, and the files of the newer one. */
  async function pausedRun() {
    const folder = join(server.dataDir, 'artifacts')
    const others = new Set(readdirSync(folder))
    const id = await startRun(server, RUN)
    await waitForEvent(server, id, (event) => event.points?.some((point: Event) => point.step >= 5))
    const { pauseTrainingRun } = await server.query(CONTROL('pause'), { id })
    const { trainingRun } = await server.query(
      'query ($id: ID!) { trainingRun(id: $id) { checkpoints { step digest } } }',
      { id },
    )
    const [newest, older] = trainingRun.checkpoints
    expect(newest.step).toBe(pauseTrainingRun.progress.step)
    const digests = trainingRun.checkpoints.map(({ digest }: Event) => `${digest}.safetensors`)
    const time = (name: string) => statSync(join(folder, name)).mtimeMs
    // Beside the weights of the two there are the states of the two.
    const states = readdirSync(folder).filter((name) => !others.has(name) && !digests.includes(name))
    states.sort((one, other) => time(other) - time(one))
    expect(states).toHaveLength(2)
    const files = { weights: digests[0], states }
    return { id, older: older.step, files, path: (name: string) => join(folder, name) }
  }

  const alterations: [
    string,
    (files: { weights: string; states: string[] }, path: (name: string) => string) => void,
  ][] = [
    ['in its state', ({ states }, path) => truncateSync(path(states[0]!), 1000)],
    ['in its weights', ({ weights }, path) => writeFileSync(path(weights), '')],
    [
      'in both, which are gone',
      ({ weights, states }, path) => {
        rmSync(path(weights))
        rmSync(path(states[0]!))
      },
    ],
  ]
  test.each(alterations)(
    '%s goes on from the one before by itself, to the same weights, and says so',
    async (_where, alter) => {
      const { id, older, files, path } = await pausedRun()
      alter(files, path)
      await server.query(CONTROL('resume'), { id })
      const events = await collectEvents(server, id)
      expect(events.at(-1)).toMatchObject({ status: 'COMPLETED' })
      const [, again] = events.filter(isStatus('RUNNING'))
      expect(again).toMatchObject({ attempt: 2, step: older })
      const points = events.flatMap((event) => event.points ?? [])
      const effective = points.filter(({ attempt, step }) => attempt === 2 || step <= older)
      expect(effective.map(({ step, loss, learningRate }) => [step, loss, learningRate])).toEqual(expected)
      const digest = await finalDigest(server, id)
      expect(digest).toBe(await finalDigest(server, undisturbed))
      // What went on counts the batches from its beginning.
      expect(new Set(batchesTracked(server, digest))).toEqual(new Set([BigInt(RUN.epochs * STEPS_PER_EPOCH)]))
      const { trainingRun, runLog } = await server.query(
        'query ($id: ID!) { trainingRun(id: $id) { attempts { fromStep } } runLog(id: $id) { lines { text } } }',
        { id },
      )
      expect(trainingRun.attempts.map(({ fromStep }: Event) => fromStep)).toEqual([0, older])
      expect(runLog.lines.map(({ text }: Event) => text)).toContainEqual(
        expect.stringMatching(/^The checkpoint after step \d+ cannot be used\. .*\.safetensors/),
      )
    },
  )

  test('as are all older ones FAILS with the way out, and its state goes when it is cancelled', async () => {
    const { id, files, path } = await pausedRun()
    for (const state of files.states) truncateSync(path(state), 0)
    await server.query(CONTROL('resume'), { id })
    const { failure } = (await collectEvents(server, id)).at(-1)
    expect(failure.code).toBe('CHECKPOINT_DAMAGED')
    expect(failure.message).toMatch(/each of the 2 checkpoints .* transfer/)

    const other = await pausedRun()
    await server.query(CONTROL('cancel'), { id: other.id })
    expect(existsSync(other.path(other.files.weights))).toBe(true)
    for (const state of other.files.states) expect(existsSync(other.path(state))).toBe(false)
  })
})

describe('a change on the way', () => {
  const UPDATE = `mutation ($id: ID!, $input: UpdateTrainingRunInput!, $key: String) {
    updateTrainingRun(id: $id, input: $input, idempotencyKey: $key) {
      __typename
      ... on TrainingRun {
        status hyperparameters { learningRate epochs } changes { step learningRate epochs } progress { epochs steps }
      }
      ... on Error { message }
    }
  }`

  test('counts from the step that it says, once for each key, and is made again when that is trained again', async () => {
    const id = await startRun(server, { ...RUN, schedule: { constant: true }, learningRate: 0.01 })
    await waitForEvent(server, id, (event) => event.points?.some((point: Event) => point.step >= 5))
    const input = { learningRate: 0.002, epochs: 4 }
    const answers = await Promise.all([1, 2].map(() => server.query(UPDATE, { id, input, key: 'a key' })))
    for (const { updateTrainingRun } of answers) {
      expect(updateTrainingRun).toMatchObject({
        hyperparameters: input,
        changes: [{ ...input, step: expect.any(Number) }],
        progress: { epochs: 4, steps: 4 * STEPS_PER_EPOCH },
      })
    }
    const other = await server.query(UPDATE, { id, input: { epochs: 9 }, key: 'a key' })
    expect(other.updateTrainingRun.__typename).toBe('ConflictError')
    const late = await server.query(UPDATE, { id, input: { epochs: 0 } })
    expect(late.updateTrainingRun.__typename).toBe('ValidationError')
    const events = await collectEvents(server, id)
    const [{ change, step }] = events.filter((event) => event.__typename === 'ControlApplied')
    expect(change).toEqual({ ...input, step })
    for (const point of events.flatMap((event) => event.points ?? [])) {
      expect(point.learningRate).toBeCloseTo(point.step > step ? 0.002 : 0.01, 12)
    }
    expect(events.filter((event) => event.__typename === 'EpochEnded')).toHaveLength(4)

    // A completed run goes on with more epochs, and with nothing else.
    const same = await server.query(UPDATE, { id, input: { learningRate: 1 } })
    expect(same.updateTrainingRun.message).toMatch(/needs more epochs than 4/)
    await server.query(UPDATE, { id, input: { epochs: 5 } })
    const more = await collectEvents(server, id)
    expect(more.filter(isStatus('COMPLETED'))).toHaveLength(2)
    expect(more.filter(({ summary }) => summary?.epoch === 5)).toHaveLength(1)
    expect(more.filter(isStatus('RUNNING')).map((event) => event.step)).toEqual([0, 4 * STEPS_PER_EPOCH])
  })
})
