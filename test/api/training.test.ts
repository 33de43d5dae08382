import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { collectEvents, completeRun, START, startRun, TINY } from '../support/runs.ts'
import { startServer, stopServers, type TestServer } from '../support/server.ts'

let server: TestServer
beforeAll(async () => {
  server = await startServer()
})
afterAll(stopServers)

const RUN = `query Run($id: ID!) {
  trainingRun(id: $id) {
    status seed attempt startedAt finishedAt failure { code }
    hyperparameters {
      preset epochs batchSize learningRate logEvery mean std
      optimizer { __typename ... on Sgd { momentum nesterov weightDecay } ... on Adam { beta1 } }
      schedule { __typename ... on StepSchedule { epochs gamma offset } ... on OneCycleSchedule { warmupFraction } }
      augmentation { horizontalFlip cropPadding cutout }
    }
    progress { epoch epochs step steps imagesPerSecond secondsRemaining }
    engine { kind device notTaken { engine reason } }
    losses { step epoch loss nonFinite learningRate attempt }
    epochs { epoch trainLoss trainAccuracy testLoss testAccuracy seconds }
    evaluation { loss accuracy top5Accuracy count confusionMatrix perClass { label accuracy count } }
    modelVersion { version digest bytes accuracy model { name } run { id } architecture { name } }
  }
}`

describe('a training run', () => {
  test('trains on real images, streams every step, and ends with an evaluated model version', async () => {
    const id = await startRun(server)
    const events = await collectEvents(server, id)
    const kinds = events.map((event) => event.__typename)
    expect(events.filter((event) => event.status).map((event) => event.status)).toEqual([
      'PREPARING',
      'RUNNING',
      'COMPLETED',
    ])
    expect(kinds.indexOf('CheckpointSaved')).toBeGreaterThan(kinds.indexOf('EpochEnded'))
    const points = events.flatMap((event) => event.points ?? [])
    expect(points.map((point) => point.step)).toEqual([1, 2, 3, 4])
    expect(points.every((point) => point.loss > 0 && point.imagesPerSecond > 0)).toBe(true)

    const { trainingRun: run } = await server.query(RUN, { id })
    expect(run).toMatchObject({
      status: 'COMPLETED',
      failure: null,
      attempt: 1,
      progress: { epoch: 1, epochs: 1, step: 4, steps: 4, secondsRemaining: null },
      engine: { kind: 'WASM' },
    })
    expect(run.losses.map((point: { loss: number }) => point.loss)).toEqual(points.map((point) => point.loss))
    expect(run.epochs).toHaveLength(1)
    const { evaluation } = run
    expect(evaluation.count).toBe(TINY.testLimit)
    const matrix: number[][] = evaluation.confusionMatrix
    const sum = (row: number[]) => row.reduce((total, n) => total + n, 0)
    expect(sum(matrix.map(sum))).toBe(TINY.testLimit)
    expect(evaluation.accuracy).toBeCloseTo(sum(matrix.map((row, i) => row[i])) / TINY.testLimit)
    expect(evaluation.perClass.map((score: { label: string }) => score.label)).toContain('frog')
    expect(run.modelVersion).toMatchObject({
      model: { name: 'vgg_mini' },
      architecture: { name: 'vgg_mini' },
      run: { id },
    })
    expect(run.modelVersion.digest).toMatch(/^[0-9a-f]{64}$/)
  })

  test('gives the same losses and the same weights for the same seed, and others for another', async () => {
    const read = async (seed: number) => {
      const id = await completeRun(server, { seed })
      const { trainingRun } = await server.query(RUN, { id })
      const losses: number[] = trainingRun.losses.map((point: { loss: number }) => point.loss)
      return { losses, digest: trainingRun.modelVersion.digest }
    }
    const first = await read(11)
    expect(await read(11)).toEqual(first)
    const other = await read(12)
    expect(other.losses).not.toEqual(first.losses)
    expect(other.digest).not.toBe(first.digest)
  })

  test('averages logEvery steps into a point, and what is left of an epoch into a last one', async () => {
    const id = await completeRun(server, { trainLimit: 80, logEvery: 2, epochs: 2 })
    const { trainingRun } = await server.query(RUN, { id })
    expect(trainingRun.losses.map((point: { step: number }) => point.step)).toEqual([2, 4, 5, 7, 9, 10])
    expect(trainingRun.epochs).toHaveLength(2)
  })

  test('with Adam and a cosine schedule follows the schedule', async () => {
    const id = await completeRun(server, {
      optimizer: { adam: { weightDecay: 0.01 } },
      schedule: { cosine: { warmupEpochs: 0.5 } },
      learningRate: 0.001,
    })
    const { trainingRun } = await server.query(RUN, { id })
    expect(trainingRun.hyperparameters.optimizer).toEqual({ __typename: 'Adam', beta1: 0.9 })
    const rates = trainingRun.losses.map((point: { learningRate: number }) => point.learningRate)
    expect(rates[0]).toBeCloseTo(0.0005)
    expect(rates[1]).toBeCloseTo(0.001)
    expect(rates[3]).toBeCloseTo(0.0005)
  })

  test('of the preset lecture has the values of the lecture', async () => {
    const { startTrainingRun } = await server.query(START, {
      input: { architecture: 'vgg_mini', preset: 'lecture', epochs: 1, trainLimit: 16, testLimit: 16 },
    })
    const { trainingRun } = await server.query(RUN, { id: startTrainingRun.id })
    expect(trainingRun.seed).toBe(777)
    expect(trainingRun.hyperparameters).toEqual({
      preset: 'lecture',
      epochs: 1,
      batchSize: 512,
      learningRate: 0.005,
      logEvery: 30,
      mean: [0.5, 0.5, 0.5],
      std: [0.5, 0.5, 0.5],
      optimizer: { __typename: 'Sgd', momentum: 0.9, nesterov: false, weightDecay: 0 },
      schedule: { __typename: 'StepSchedule', epochs: 5, gamma: 0.9, offset: 1 },
      augmentation: { horizontalFlip: false, cropPadding: 0, cutout: 0 },
    })
    await collectEvents(server, startTrainingRun.id)
  })

  test('whose loss leaves the finite numbers FAILS with the step, and its null point breaks nothing', async () => {
    const id = await startRun(server, {
      learningRate: 10,
      optimizer: { sgd: { weightDecay: 1 } },
      trainLimit: 512,
    })
    const events = await collectEvents(server, id)
    expect(events.at(-1)).toMatchObject({ status: 'FAILED', failure: { code: 'LOSS_NOT_FINITE' } })
    const last = events.flatMap((event) => event.points ?? []).at(-1)
    expect(last.loss).toBeNull()
    const { trainingRun } = await server.query(RUN, { id })
    expect(trainingRun.losses.at(-1)).toMatchObject({ loss: null })
    expect(trainingRun.losses.at(-1).nonFinite).toMatch(/NaN|Infinity/)
  })
})

describe('startTrainingRun', () => {
  test('names every wrong value of its input', async () => {
    const { startTrainingRun } = await server.query(START, {
      input: { architecture: 'vgg99', dataset: 'mnist', epochs: 0, batchSize: -1, seed: -5, name: '' },
    })
    expect(startTrainingRun.__typename).toBe('ValidationError')
    expect(startTrainingRun.issues.map((issue: { path: string[] }) => issue.path.join('.')).sort()).toEqual([
      'architecture',
      'batchSize',
      'dataset',
      'epochs',
      'name',
      'seed',
    ])
  })

  test.each([
    ['preset', { preset: 'resnet' }],
    ['learningRate', { learningRate: 0 }],
    ['optimizer.sgd.momentum', { optimizer: { sgd: { momentum: 1 } } }],
    ['schedule.step.gamma', { schedule: { step: { gamma: 0 } } }],
    ['augmentation.cropPadding', { augmentation: { cropPadding: 99 } }],
  ])('says that %s is wrong', async (path, input) => {
    const { startTrainingRun } = await server.query(START, { input: { ...TINY, ...input } })
    expect(startTrainingRun.issues.map((issue: { path: string[] }) => issue.path.join('.'))).toEqual([path])
  })

  test('with the same idempotency key starts one run, however often and however fast it is sent', async () => {
    const input = { ...TINY, idempotencyKey: 'once' }
    const answers = await Promise.all(Array.from({ length: 5 }, () => server.query(START, { input })))
    expect(new Set(answers.map(({ startTrainingRun }) => startTrainingRun.id)).size).toBe(1)
    const { startTrainingRun } = await server.query(START, { input: { ...input, epochs: 3 } })
    expect(startTrainingRun.__typename).toBe('ConflictError')
    await collectEvents(server, answers[0].startTrainingRun.id)
  })

  test('refuses two optimizers at once', async () => {
    const { errors } = await server.execute(START, { input: { ...TINY, optimizer: { sgd: {}, adam: {} } } })
    expect(errors?.[0].message).toMatch(/exactly one|OneOf/i)
  })
})

test('trainingLoss gives the points as they come, and only those after a step that is named', async () => {
  const id = await startRun(server)
  const LOSS =
    'subscription Loss($id: ID!, $after: Int) { trainingLoss(id: $id, afterStep: $after) { step loss } }'
  const steps: number[] = []
  for await (const { data } of server.subscribe(LOSS, { id })) steps.push(data.trainingLoss.step)
  expect(steps).toEqual([1, 2, 3, 4])
  const late: number[] = []
  for await (const { data } of server.subscribe(LOSS, { id, after: 2 })) late.push(data.trainingLoss.step)
  expect(late).toEqual([3, 4])
})

test('trainingRunsChanged tells of a new run up to its end', async () => {
  const changes = server.subscribe('subscription { trainingRunsChanged { id status } }')
  const first = changes.next()
  await server.logged((line) => line.msg === 'vggzoo is ready')
  const id = await startRun(server)
  const seen = new Set<string>()
  for (let result = await first; !result.done; result = await changes.next()) {
    const run = result.value.data.trainingRunsChanged
    if (run.id !== id) continue
    seen.add(run.status)
    if (run.status === 'COMPLETED') break
  }
  await changes.return?.()
  expect(seen).toContain('RUNNING')
})
