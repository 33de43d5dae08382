import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { collectEvents, completeRun, finalDigest, startRun } from '../../support/runs.ts'
import { sharedServer, stopServers, type TestServer } from '../../support/server.ts'

let server: TestServer
beforeAll(async () => {
  server = await sharedServer()
})
afterAll(stopServers)

const RUN = `query Run($id: ID!) {
  trainingRun(id: $id) {
    status bestStep progress { epoch epochs step }
    hyperparameters { earlyStopping { metric patience minDelta } onNonFinite }
    epochs { epoch testLoss testAccuracy }
    checkpoints { step epoch digest }
    evaluation { loss accuracy }
    modelVersions { digest accuracy evaluation { loss } }
    losses(maxPoints: 10) { step loss nonFinite }
    failure { code message step layer }
  }
}`
const runOf = async (id: string) => (await server.query(RUN, { id })).trainingRun
interface Epoch {
  epoch: number
  testLoss: number
  testAccuracy: number
}
const STEPS_PER_EPOCH = 4

describe('early stopping', () => {
  test.each([
    ['TEST_LOSS', ({ testLoss }: Epoch) => -testLoss],
    ['TEST_ACCURACY', ({ testAccuracy }: Epoch) => testAccuracy],
  ] as const)(
    'by %s ends when no epoch is better any more, with the weights of the best',
    async (metric, score) => {
      const rule = { metric, patience: 2, minDelta: 0 }
      // So fast that it soon learns the few images by heart, and gets worse at the others.
      const id = await completeRun(server, {
        epochs: 40,
        learningRate: 0.05,
        schedule: { constant: true },
        seed: 3,
        earlyStopping: rule,
      })
      const run = await runOf(id)
      expect(run.hyperparameters.earlyStopping).toEqual(rule)
      const epochs: Epoch[] = run.epochs
      expect(epochs.length).toBeLessThan(40)
      const best = epochs.reduce((one, other) => (score(other) > score(one) ? other : one))
      expect(epochs.at(-1)!.epoch).toBe(best.epoch + 2)
      expect(run).toMatchObject({
        bestStep: best.epoch * STEPS_PER_EPOCH,
        progress: { epoch: epochs.length, epochs: 40 },
        evaluation: { loss: best.testLoss, accuracy: best.testAccuracy },
        modelVersions: [{ accuracy: best.testAccuracy, evaluation: { loss: best.testLoss } }],
      })
      const kept = run.checkpoints.find(({ epoch }: Epoch) => epoch === best.epoch)
      expect(await finalDigest(server, id)).toBe(kept.digest)
    },
  )

  test('comes to the best epoch, also for who registers what it ended with', async () => {
    // No epoch is so much better than the first.
    const earlyStopping = { metric: 'TEST_LOSS', patience: 2, minDelta: 1000 }
    const id = await startRun(server, { epochs: 9, earlyStopping, checkpoints: { keepLatest: 5 } })
    const events = await collectEvents(server, id)
    expect(events.at(-1)).toMatchObject({ status: 'COMPLETED' })
    expect(events.filter(({ __typename }) => __typename === 'EpochEnded')).toHaveLength(3)
    const [best] = events.filter(({ __typename }) => __typename === 'CheckpointSaved')
    expect(await finalDigest(server, id)).toBe(best.digest)
    const { registerModel } = await server.query(
      `mutation ($input: RegisterModelInput!) {
        registerModel(input: $input) { ... on ModelVersion { digest evaluation { loss } } ... on Error { message } }
      }`,
      { input: { name: 'the best', weights: { runId: id } } },
    )
    expect(registerModel).toMatchObject({ digest: best.digest, evaluation: { loss: expect.any(Number) } })
  })

  test('that cannot work is refused', async () => {
    for (const earlyStopping of [{ patience: 0 }, { minDelta: -1 }]) {
      await expect(startRun(server, { earlyStopping })).rejects.toThrow()
    }
  })
})

describe('numbers that are not finite', () => {
  const BROKEN = {
    epochs: 2,
    learningRate: 10,
    schedule: { constant: true },
    optimizer: { sgd: {} },
    architecture: 'lecture_custom',
    batchSize: 8,
  }

  test('end a run with the step and the layer, and break no query', async () => {
    const id = await startRun(server, { ...BROKEN, trainLimit: 64 })
    const events = await collectEvents(server, id)
    const { failure } = await runOf(id)
    expect(events.at(-1)).toMatchObject({ status: 'FAILED', failure })
    expect(failure).toMatchObject({
      code: 'LOSS_NOT_FINITE',
      layer: expect.stringMatching(/^(features|classifier)\.\d+$/),
    })
    const last = events.flatMap((event) => event.points ?? []).at(-1)
    expect(last).toMatchObject({ step: failure.step, layer: failure.layer })
    expect(failure.message).toContain(`at step ${failure.step}`)
  })

  test('are left out by a run that goes on, until an epoch has no other', async () => {
    const id = await startRun(server, { ...BROKEN, trainLimit: 64, onNonFinite: 'CONTINUE' })
    const events = await collectEvents(server, id)
    const run = await runOf(id)
    expect(run.hyperparameters.onNonFinite).toBe('CONTINUE')
    const epochs = run.epochs.length
    const points = events.flatMap((event) => event.points ?? [])
    // The first step that was left out was not the last.
    const firstBroken = points.find(({ loss }) => loss === null)
    expect(firstBroken.step).toBeLessThan(points.at(-1).step)
    expect(firstBroken.layer).toMatch(/^(features|classifier)\.\d+$/)
    expect(run.failure).toMatchObject({
      code: 'LOSS_NOT_FINITE',
      message: expect.stringContaining(`Every step of epoch ${epochs + 1} was left out`),
      step: points.at(-1).step,
    })
    expect(run.modelVersions).toEqual([])
  })
})
