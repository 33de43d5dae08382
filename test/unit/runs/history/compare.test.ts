import { describe, expect, test } from 'vitest'
import { CIFAR10 } from '../../../../src/data/sources/cifar10/facts.ts'
import type { Prisma, TrainingRun } from '../../../../src/db/generated/client.ts'
import { NotFoundError, ValidationError } from '../../../../src/errors.ts'
import { alignEpochs, compareRuns, differences, figuresOf } from '../../../../src/runs/history/compare.ts'
import { alignCurves, loadCurve } from '../../../../src/runs/history/curves.ts'
import type { RunEpoch } from '../../../../src/runs/history/history.ts'
import type { RunPoint } from '../../../../src/runs/model/events.ts'
import { standardHyperparameters } from '../../../support/hyperparameters.ts'

const SETTINGS = {
  architecture: 'vgg_mini',
  dataset: 'cifar10',
  datasetDigest: 'abc',
  initialDigest: null,
  transfer: null,
  seed: 1,
  engine: {
    kind: 'WASM',
    device: 'a processor',
    processor: 'a processor',
    instructionSet: 'WebAssembly SIMD',
    threads: 1,
    notTaken: [],
  },
  hyperparameters: { learningRate: 0.1, trainLimit: null, optimizer: { kind: 'sgd', momentum: 0.9 } },
}
const run = (id: string) => ({ id, number: 1, imagesPerSecond: null }) as unknown as TrainingRun
const epoch = (number: number, more: Partial<RunEpoch> = {}): RunEpoch => ({
  attempt: 1,
  epoch: number,
  step: 10 * number,
  trainLoss: 1,
  trainAccuracy: 0.5,
  testLoss: 1,
  testAccuracy: 0.5,
  seconds: 2,
  ...more,
})

describe('the differences of runs', () => {
  test('are none for runs with the same settings, whatever the device', () => {
    const elsewhere = { ...SETTINGS, engine: { ...SETTINGS.engine, device: 'another processor' } }
    expect(differences([SETTINGS, elsewhere])).toEqual([])
  })

  test('name what differs by its path: the run itself first, then hyperparameters by name', () => {
    const other = {
      ...SETTINGS,
      architecture: 'vgg11',
      seed: 2,
      hyperparameters: { learningRate: 0.2, trainLimit: 64, optimizer: { kind: 'sgd', momentum: 0 } },
    }
    expect(differences([SETTINGS, other, SETTINGS])).toEqual([
      { path: 'architecture', values: ['vgg_mini', 'vgg11', 'vgg_mini'] },
      { path: 'seed', values: ['1', '2', '1'] },
      { path: 'learningRate', values: ['0.1', '0.2', '0.1'] },
      { path: 'optimizer.momentum', values: ['0.9', '0', '0.9'] },
      { path: 'trainLimit', values: ['null', '64', 'null'] },
    ])
  })

  test('have null where a run has no such setting: the momentum of Adam, the engine of what waits', () => {
    const waiting = {
      ...SETTINGS,
      engine: null,
      datasetDigest: null,
      hyperparameters: { ...SETTINGS.hyperparameters, optimizer: { kind: 'adam', beta1: 0.9 } },
    }
    expect(differences([SETTINGS, waiting])).toEqual([
      { path: 'datasetDigest', values: ['abc', null] },
      { path: 'engine', values: ['WASM', null] },
      { path: 'optimizer.beta1', values: [null, '0.9'] },
      { path: 'optimizer.kind', values: ['sgd', 'adam'] },
      { path: 'optimizer.momentum', values: ['0.9', null] },
    ])
  })

  test('see a list as one value, in whatever order the database keeps the names around it', () => {
    const one = { ...SETTINGS, hyperparameters: { normalization: { mean: [1, 2], std: [3] } } }
    const other = { ...SETTINGS, hyperparameters: { normalization: { std: [3], mean: [1, 5] } } }
    expect(differences([one, other])).toEqual([{ path: 'normalization.mean', values: ['[1,2]', '[1,5]'] }])
  })
})

describe('figures', () => {
  test('have the best and the last epoch, and the time of all', () => {
    const epochs = [
      epoch(1, { testAccuracy: 0.4, testLoss: null }),
      epoch(2, { testAccuracy: 0.6, testLoss: 0.8 }),
      epoch(3, { testAccuracy: 0.6, testLoss: 0.9 }),
    ]
    expect(figuresOf(run('a'), epochs)).toMatchObject({
      bestTestAccuracy: 0.6,
      bestEpoch: 2,
      lastTestAccuracy: 0.6,
      bestTestLoss: 0.8,
      lastTestLoss: 0.9,
      seconds: 6,
    })
  })

  test('of a run without an epoch are null, and no time', () => {
    expect(figuresOf(run('a'), [])).toMatchObject({
      bestTestAccuracy: null,
      bestEpoch: null,
      lastTestLoss: null,
      seconds: 0,
    })
  })
})

test('epochs stand beside one another, with null where a run has none', () => {
  expect(alignEpochs([[epoch(1), epoch(2)], [], [epoch(1)]])).toEqual([
    { epoch: 1, summaries: [epoch(1), null, epoch(1)] },
    { epoch: 2, summaries: [epoch(2), null, null] },
  ])
  expect(alignEpochs([[], []])).toEqual([])
})

describe('loss curves', () => {
  const curve = (...points: [number, number | null][]) => points.map(([x, loss]) => ({ x, loss }))

  test('with few points have a row wherever one has a point; the others are as they were before', () => {
    const rows = alignCurves([curve([1, 9], [2, 8], [4, 7]), curve([2, 5], [3, 4])], 10)
    expect(rows).toEqual([
      { x: 1, losses: [9, null] },
      { x: 2, losses: [8, 5] },
      { x: 3, losses: [8, 4] },
      { x: 4, losses: [7, null] },
    ])
  })

  test('with more points than rows keep the last one of each row, and the very last of each curve', () => {
    const long = curve(...Array.from({ length: 100 }, (_, i): [number, number] => [i + 1, 100 - i]))
    const short = curve([10, 3], [35, 1])
    expect(alignCurves([long, short], 4)).toEqual([
      { x: 25, losses: [76, 3] },
      { x: 50, losses: [51, 1] },
      { x: 75, losses: [26, null] },
      { x: 100, losses: [1, null] },
    ])
  })

  test('keep a loss that is not finite as null', () => {
    expect(alignCurves([curve([1, 2], [2, null])], 5).map(({ losses }) => losses)).toEqual([[2], [null]])
  })

  test('without any point have no row', () => {
    expect(alignCurves([[], []], 5)).toEqual([])
  })

  test('are read by epochs or by images, thinned to what the rows need', async () => {
    const points = Array.from({ length: 100 }, (_, i) => {
      return { step: i + 1, epoch: (i + 1) / 100, loss: i } as RunPoint
    })
    const asked: unknown[] = []
    const service = {
      async losses(_id: string, query: unknown) {
        asked.push(query)
        return points
      },
    }
    const limitedTo = (trainLimit: number | null) =>
      standardHyperparameters({ trainLimit }) as object as Prisma.JsonObject
    const limited = { id: 'a', hyperparameters: limitedTo(200) }
    expect((await loadCurve(service, limited, 'EPOCHS', CIFAR10, 200))[49]).toEqual({ x: 0.5, loss: 49 })
    expect((await loadCurve(service, limited, 'IMAGES', CIFAR10, 1))[49]).toEqual({ x: 100, loss: 49 })
    const whole = { id: 'a', hyperparameters: limitedTo(null) }
    expect((await loadCurve(service, whole, 'IMAGES', CIFAR10, 1))[49]!.x).toBe(25_000)
    expect(asked.slice(0, 2)).toEqual([
      { afterStep: 0, maxPoints: 1000, view: 'EFFECTIVE' },
      { afterStep: 0, maxPoints: 10, view: 'EFFECTIVE' },
    ])
  })
})

describe('a comparison', () => {
  const service = {
    list: async () => [run('b'), run('a')],
    epochs: async (id: string) => (id === 'a' ? [epoch(1), epoch(2, { testLoss: 7 })] : []),
  }

  test('has the order in which the runs were asked for', async () => {
    const { runs, epochs } = await compareRuns(service, ['a', 'b'])
    expect(runs.map(({ id }) => id)).toEqual(['a', 'b'])
    expect(epochs).toEqual([[epoch(1), epoch(2, { testLoss: 7 })], []])
  })

  test.each([
    [['a'], ['ids']],
    [[], ['ids']],
    [Array.from({ length: 11 }, (_, i) => `${i}`), ['ids']],
    [
      ['a', 'b', 'a'],
      ['ids', '2'],
    ],
  ])('of %j is refused', async (ids, path) => {
    const error = await compareRuns(service, ids).catch((it: unknown) => it)
    expect(error).toBeInstanceOf(ValidationError)
    expect((error as ValidationError).issues).toMatchObject([{ path }])
  })

  test('with a run that is not there says at which place', async () => {
    const error = await compareRuns(service, ['a', 'x', 'b']).catch((it: unknown) => it)
    expect(error).toBeInstanceOf(NotFoundError)
    expect((error as Error).message).toContain('ids.1')
  })
})
