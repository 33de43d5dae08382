import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { NO_AUGMENTATION } from '../../src/data/augmentation/augmentation.ts'
import { collectEvents, completeRun, type Event, START, startRun, TINY } from '../support/runs.ts'
import { sharedServer, stopServers, type TestServer } from '../support/server.ts'

let server: TestServer
/** A run of TINY that has ended; several tests look at it, each from its own side. */
let id: string
let events: Event[]
beforeAll(async () => {
  server = await sharedServer()
  id = await startRun(server)
  events = await collectEvents(server, id)
})
afterAll(stopServers)

const CANCEL = 'mutation Cancel($id: ID!) { cancelTrainingRun(id: $id) { __typename } }'
const LOSS =
  'subscription Loss($id: ID!, $after: Int) { trainingLoss(id: $id, afterStep: $after) { step loss } }'

async function lossesOf(variables: {
  id: string
  after?: number
}): Promise<{ step: number; loss: number }[]> {
  const points: { step: number; loss: number }[] = []
  for await (const { data } of server.subscribe(LOSS, variables)) points.push(data.trainingLoss)
  return points
}

const RUN = `query Run($id: ID!) {
  trainingRun(id: $id) {
    status seed attempt startedAt finishedAt failure { code }
    hyperparameters {
      preset epochs batchSize learningRate logEvery mean std
      optimizer { __typename ... on Sgd { momentum nesterov weightDecay } ... on Adam { beta1 } }
      schedule { __typename ... on StepSchedule { epochs gamma offset } ... on OneCycleSchedule { warmupFraction } }
      classWeights { balanced weights }
      augmentation {
        horizontalFlip cropPadding cutout rotation scale resizedCrop brightness contrast saturation hue erasing mixup
      }
    }
    progress { epoch epochs step steps imagesPerSecond secondsRemaining }
    engine { kind device notTaken { engine reason } }
    losses { step epoch loss nonFinite learningRate attempt }
    epochs { epoch trainLoss trainAccuracy testLoss testAccuracy seconds }
    evaluation { loss accuracy balancedAccuracy top5Accuracy count confusionMatrix perClass { label precision recall f1 count predicted } }
    modelVersions { version digest bytes accuracy model { name } run { id } architecture { name } }
  }
}`

describe('a training run', () => {
  test('trains, streams every step, and ends with an evaluated model version', async () => {
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
      engine: { kind: await server.engineKind() },
    })
    expect(run.losses.map((point: { loss: number }) => point.loss)).toEqual(points.map((point) => point.loss))
    expect(run.epochs).toHaveLength(1)
    const { evaluation } = run
    expect(evaluation.count).toBe(TINY.testLimit)
    const matrix: number[][] = evaluation.confusionMatrix
    const sum = (row: number[]) => row.reduce((total, n) => total + n, 0)
    expect(sum(matrix.map(sum))).toBe(TINY.testLimit)
    expect(evaluation.accuracy).toBeCloseTo(sum(matrix.map((row, i) => row[i])) / TINY.testLimit)
    expect(evaluation.perClass.map((score: { label: string }) => score.label)).toContain('green square')
    const recalls = evaluation.perClass.flatMap(({ recall }: { recall: number | null }) => recall ?? [])
    expect(evaluation.balancedAccuracy).toBeCloseTo(sum(recalls) / recalls.length)
    expect(run.modelVersions[0]).toMatchObject({
      model: { name: 'vgg_mini' },
      architecture: { name: 'vgg_mini' },
      run: { id },
    })
    expect(run.modelVersions[0].digest).toMatch(/^[0-9a-f]{64}$/)
  })

  test('gives the same losses and the same weights for the same seed, and others for another', async () => {
    const read = async (run: string) => {
      const { trainingRun } = await server.query(RUN, { id: run })
      const losses: number[] = trainingRun.losses.map((point: { loss: number }) => point.loss)
      return { losses, digest: trainingRun.modelVersions[0].digest }
    }
    const first = await read(id)
    const again = await startRun(server)
    // As they come, while the run is at work.
    expect((await lossesOf({ id: again })).map(({ loss }) => loss)).toEqual(first.losses)
    expect(await read(again)).toEqual(first)

    const changes = server.subscribe(
      'subscription { trainingRunsChanged { ... on TrainingRun { id status } } }',
    )
    const change = changes.next()
    const other = await startRun(server, { seed: TINY.seed + 1 })
    const seen = new Set<string>()
    for (let result = await change; !result.done; result = await changes.next()) {
      const run = result.value.data.trainingRunsChanged
      if (run.id === other) seen.add(run.status)
      if (seen.has('COMPLETED')) break
    }
    await changes.return?.()
    // A reader gets the newest state only; RUNNING lasts long enough to be seen.
    expect(seen).toContain('RUNNING')
    expect((await read(other)).losses).not.toEqual(first.losses)
    expect((await read(other)).digest).not.toBe(first.digest)
  })

  test('can be followed from a step on', async () => {
    expect((await lossesOf({ id })).map(({ step }) => step)).toEqual([1, 2, 3, 4])
    expect((await lossesOf({ id, after: 2 })).map(({ step }) => step)).toEqual([3, 4])
    expect(await lossesOf({ id, after: 4 })).toEqual([])
  })

  test('averages logEvery steps into a point, and what is left of an epoch into a last one', async () => {
    const run = await completeRun(server, { trainLimit: 80, logEvery: 2, epochs: 2 })
    const { trainingRun } = await server.query(RUN, { id: run })
    expect(trainingRun.losses.map((point: { step: number }) => point.step)).toEqual([2, 4, 5, 7, 9, 10])
    expect(trainingRun.epochs).toHaveLength(2)
  })

  test('with Adam and a cosine schedule follows the schedule, whatever is done to its images', async () => {
    const augmentation = {
      ...{ horizontalFlip: true, cropPadding: 1, cutout: 2, rotation: 15, scale: 0.1, resizedCrop: 0.6 },
      ...{ brightness: 0.3, contrast: 0.3, saturation: 0.3, hue: 0.05, erasing: 0.25, mixup: 0.2 },
    }
    const run = await completeRun(server, {
      augmentation,
      classWeights: { balanced: true },
      optimizer: { adam: { weightDecay: 0.01 } },
      schedule: { cosine: { warmupEpochs: 0.5 } },
      learningRate: 0.001,
    })
    const { trainingRun } = await server.query(RUN, { id: run })
    expect(trainingRun.hyperparameters.optimizer).toEqual({ __typename: 'Adam', beta1: 0.9 })
    expect(trainingRun.hyperparameters.augmentation).toEqual(augmentation)
    expect(trainingRun.hyperparameters.classWeights).toEqual({ balanced: true, weights: null })
    const rates = trainingRun.losses.map((point: { learningRate: number }) => point.learningRate)
    expect(rates[0]).toBeCloseTo(0.0005)
    expect(rates[1]).toBeCloseTo(0.001)
    expect(rates[3]).toBeCloseTo(0.0005)
  })

  test('of the preset lecture has the values of the lecture', async () => {
    const { startTrainingRun } = await server.query(START, {
      input: { architecture: 'vgg_mini', dataset: 'tiny', preset: 'lecture', epochs: 1, trainLimit: 16 },
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
      augmentation: NO_AUGMENTATION,
      classWeights: null,
    })
    await server.query(CANCEL, { id: startTrainingRun.id })
  })

  test('whose loss leaves the finite numbers FAILS with the step, and its null point breaks nothing', async () => {
    const run = await startRun(server, {
      learningRate: 10,
      optimizer: { sgd: { weightDecay: 1 } },
      epochs: 9,
      trainLimit: 240,
    })
    const log = await collectEvents(server, run)
    expect(log.at(-1)).toMatchObject({ status: 'FAILED', failure: { code: 'LOSS_NOT_FINITE' } })
    const last = log.flatMap((event) => event.points ?? []).at(-1)
    expect(last.loss).toBeNull()
    const { trainingRun } = await server.query(RUN, { id: run })
    expect(trainingRun.losses.at(-1)).toMatchObject({ loss: null })
    expect(trainingRun.losses.at(-1).nonFinite).toMatch(/NaN|Infinity/)
  })
})

describe('the history of a run', () => {
  const HISTORY = `query History($id: ID!, $maxPoints: Int, $view: HistoryView) {
    trainingRun(id: $id) {
      losses(maxPoints: $maxPoints, view: $view) { step loss attempt }
      epochs(view: $view) { epoch attempt }
    }
  }`
  const BUCKETS = `subscription Buckets($id: ID!, $maxPoints: Int) {
    trainingLossBuckets(id: $id, maxPoints: $maxPoints) {
      reset bucketSteps
      buckets { firstStep lastStep count min { step loss } max { step loss } last { step } nonFinite { step } }
    }
  }`

  test('is thinned to as many points as asked for, and grows live to the same ones', async () => {
    const run = await startRun(server, { epochs: 10 })
    type Bucket = Record<'min' | 'max' | 'last', { step: number }> & { firstStep: number; lastStep: number }
    const chart = new Map<number, Bucket>()
    let widest = 0
    for await (const { data } of server.subscribe(BUCKETS, { id: run, maxPoints: 12 })) {
      const { reset, bucketSteps, buckets } = data.trainingLossBuckets
      if (reset) chart.clear()
      expect(bucketSteps).toBeGreaterThanOrEqual(widest)
      widest = bucketSteps
      for (const bucket of buckets as Bucket[]) {
        expect(bucket.lastStep - bucket.firstStep + 1).toBe(bucketSteps)
        chart.set(bucket.firstStep, bucket)
      }
    }
    const { trainingRun } = await server.query(HISTORY, { id: run, maxPoints: 12 })
    const live = [...chart.values()].flatMap(({ min, max, last }) => [min.step, max.step, last.step])
    const stepsOf = (points: { step: number }[]) => points.map(({ step }) => step)
    expect(stepsOf(trainingRun.losses)).toEqual([...new Set(live)].sort((one, other) => one - other))
    expect(trainingRun.losses.length).toBeLessThanOrEqual(12)
    expect(widest).toBe(16)

    const { trainingRun: raw } = await server.query(HISTORY, { id: run, maxPoints: 1000, view: 'RAW' })
    expect(stepsOf(raw.losses)).toEqual(Array.from({ length: 40 }, (_, i) => i + 1))
    expect(raw.epochs).toEqual(Array.from({ length: 10 }, (_, i) => ({ epoch: i + 1, attempt: 1 })))
  })

  test('refuses to be thinned to a number that makes no chart', async () => {
    for (const maxPoints of [-1, 0, 9, 10_001]) {
      const { errors } = await server.execute(HISTORY, { id, maxPoints })
      expect(errors).toMatchObject([{ extensions: { code: 'BAD_USER_INPUT' } }])
      expect(errors![0].message).toBe(`losses: maxPoints must be from 10 to 10000, not ${maxPoints}.`)
      const { value: first } = await server.subscribe(BUCKETS, { id, maxPoints }).next()
      expect(first.errors).toMatchObject([{ extensions: { code: 'BAD_USER_INPUT' } }])
    }
    const missing = Buffer.from('TrainingRun:0194a000-0000-7000-8000-000000000000').toString('base64')
    const { value: first } = await server.subscribe(BUCKETS, { id: missing }).next()
    expect(first.errors).toMatchObject([{ extensions: { code: 'NOT_FOUND' } }])
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

  test('with the same idempotency key starts one run, however often and however fast it is sent', async () => {
    const input = { ...TINY, dataset: 'tiny', idempotencyKey: 'once' }
    const answers = await Promise.all(Array.from({ length: 5 }, () => server.query(START, { input })))
    expect(new Set(answers.map(({ startTrainingRun }) => startTrainingRun.id)).size).toBe(1)
    const { startTrainingRun } = await server.query(START, { input: { ...input, epochs: 3 } })
    expect(startTrainingRun.__typename).toBe('ConflictError')
    await server.query(CANCEL, { id: answers[0].startTrainingRun.id })
  })

  test('refuses two optimizers at once', async () => {
    const { errors } = await server.execute(START, {
      input: { ...TINY, dataset: 'tiny', optimizer: { sgd: {}, adam: {} } },
    })
    expect(errors?.[0].message).toMatch(/exactly one|OneOf/i)
  })
})
