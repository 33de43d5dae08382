import { beforeEach, describe, expect, test } from 'vitest'
import type { DatasetFacts } from '../../../src/data/dataset-facts.ts'
import { CIFAR10 } from '../../../src/data/sources/cifar10/facts.ts'
import type { EngineReport } from '../../../src/engine/report.ts'
import { ValidationError } from '../../../src/errors.ts'
import { OPTIMIZER_DEFAULTS, type Optimizer } from '../../../src/runs/model/hyperparameters.ts'
import { totalBytes } from '../../../src/runs/planning/memory.ts'
import { createPlanner, type PlanInput, type PlannerOptions } from '../../../src/runs/planning/planner.ts'
import type { Known } from '../../../src/runs/planning/throughput.ts'
import { analyze } from '../../../src/zoo/analysis.ts'
import type { Architecture } from '../../../src/zoo/architecture.ts'
import { findArchitecture } from '../../../src/zoo/catalog.ts'
import { parseFeatures } from '../../../src/zoo/features.ts'
import { fitToDataset } from '../../../src/zoo/fit.ts'
import { useDatabase } from '../../support/database.ts'
import { standardHyperparameters } from '../../support/hyperparameters.ts'

const SGD: Optimizer = { kind: 'sgd', ...OPTIMIZER_DEFAULTS.sgd }
const ADAM: Optimizer = { kind: 'adam', ...OPTIMIZER_DEFAULTS.adam }
const GIB = 2 ** 30

const ENGINE: EngineReport = {
  kind: 'NATIVE',
  device: 'this one',
  processor: 'this',
  instructionSet: 'one',
  threads: 1,
  notTaken: [],
}
const mini = findArchitecture('vgg_mini')!
const db = useDatabase()
beforeEach(async () => {
  await db.prisma.trainingRun.deleteMany()
})

const LARGE: DatasetFacts = {
  ...CIFAR10,
  name: 'large@2',
  imageShape: [64, 64, 3],
  classes: ['cat', 'dog'],
  count: { train: 900, test: 300 },
}
const DATASETS = { cifar10: CIFAR10, 'large@2': LARGE, 'gone@1': { ...LARGE, name: 'gone@1' } }
const KNOWN: Known = {
  datasetFacts: (name) => DATASETS[name as keyof typeof DATASETS],
  findArchitecture(name, dataset) {
    const [architecture, facts] = [findArchitecture(name), KNOWN.datasetFacts(dataset)]
    return architecture && facts && fitToDataset(architecture, facts)
  },
}

function plan(
  architecture: Architecture,
  {
    batchSize = 128,
    optimizer,
    of,
    ...options
  }: Partial<PlannerOptions> & { batchSize?: number; optimizer?: Optimizer; of?: Partial<PlanInput> } = {},
) {
  const planner = createPlanner({
    prisma: db.prisma,
    datasets: {
      get: (name) => (name in DATASETS ? { facts: DATASETS[name as keyof typeof DATASETS] } : undefined),
      whyNot: (name) => `There is no data set "${name}".`,
    },
    ...KNOWN,
    maxParameters: 500_000_000,
    engine: async () => ENGINE,
    tried: async () => null,
    memoryBytes: 64 * GIB,
    ...options,
  })
  return planner.plan(architecture, { dataset: 'cifar10', batchSize, optimizer, ...of })
}

const secondsOf = async (planned: ReturnType<typeof plan>) => (await planned).secondsPerEpoch()

const ran = (
  architecture: string,
  imagesPerSecond: number,
  batchSize = 128,
  engine = ENGINE,
  dataset = 'cifar10',
) =>
  db.prisma.trainingRun.create({
    data: {
      ...{ name: 'a run', architecture, dataset, seed: 1, epochs: 1, imagesPerSecond },
      hyperparameters: standardHyperparameters({ batchSize }) as object,
      engine: { ...engine },
    },
  })

/** 50,000 training images and 10,000 test images at a third of the cost. */
const epoch = (imagesPerSecond: number) => (50_000 + 10_000 / 3) / imagesPerSecond

describe('a plan', () => {
  test('is of the network as it would train, and shows it as it was given', async () => {
    const vgg16 = findArchitecture('vgg16')!
    const made = await plan(vgg16)
    expect(made.architecture).toBe(vgg16)
    // With 10 classes, not 1000: 990 * 4097 parameters fewer.
    expect(made.memory.weights).toBe(4 * (138_357_544 - 990 * 4097))
    expect(made.trainingMemoryBytes).toBe(totalBytes(made.memory))
  })

  test('says whether the machine has the memory, and wasm its addresses', async () => {
    const vgg16 = findArchitecture('vgg16')!
    expect(await plan(vgg16)).toMatchObject({ fits: true, engine: 'NATIVE' })
    expect(await plan(vgg16, { memoryBytes: 2 * GIB })).toMatchObject({ fits: false })
    const wasm = async () => ({ ...ENGINE, kind: 'WASM' as const })
    expect(await plan(mini, { engine: wasm })).toMatchObject({ fits: true, engine: 'WASM' })
    expect(await plan(vgg16, { engine: wasm, optimizer: ADAM })).toMatchObject({ fits: false })
  })

  test('without an engine has no speed', async () => {
    await ran('vgg_mini', 1000)
    const planned = plan(mini, { engine: async () => null })
    expect((await planned).engine).toBeNull()
    expect(await secondsOf(planned)).toBeNull()
  })

  test('has the speed of a trial until a run on this engine and device has shown one, and none without either', async () => {
    const multiplyAdds = analyze(mini).multiplyAdds
    const tried = async () => ({ architecture: mini, batchSize: 128, multiplyAdds, imagesPerSecond: 500 })
    expect(await secondsOf(plan(mini))).toBeNull()
    await ran('vgg_mini', 1000, 128, { ...ENGINE, kind: 'WASM' })
    await ran('vgg_mini', 1000, 128, { ...ENGINE, device: 'another one' })
    await ran('gone', 1000)
    expect(await secondsOf(plan(mini))).toBeNull()
    expect(await secondsOf(plan(mini, { tried }))).toBeCloseTo(epoch(500), 9)
    await ran('vgg_mini', 2000)
    expect(await secondsOf(plan(mini, { tried }))).toBeCloseTo(epoch(2000), 9)
  })

  test('has the speed of the very network, whatever its name, at the nearest batch size, of the newest run', async () => {
    await ran('vgg_mini', 10, 16)
    await ran('vgg_mini', 1000, 100)
    await ran('vgg_mini', 1500, 100)
    await ran('vgg11_cifar', 77)
    const renamed = { ...mini, name: 'mine', origin: 'CUSTOM' as const }
    expect(await secondsOf(plan(renamed))).toBeCloseTo(epoch(1500), 9)
    expect(await secondsOf(plan(renamed, { batchSize: 8 }))).toBeCloseTo(epoch(10), 9)
  })

  test('else that of the network nearest in multiply-adds, in proportion to them', async () => {
    await ran('vgg_mini', 1000)
    await ran('vgg16_cifar', 100)
    // 1.5 times the width costs 2.25 times as much, but for the first layer and the last ones.
    const wide = { ...mini, features: parseFeatures('48,48,M,96,96,M,192,192,M') }
    const seconds = (await secondsOf(plan(wide)))!
    expect(seconds / epoch(1000)).toBeGreaterThan(2.1)
    expect(seconds / epoch(1000)).toBeLessThan(2.25)
    const deep = { ...findArchitecture('vgg16_cifar')!, batchNorm: false }
    expect(await secondsOf(plan(deep))).toBeCloseTo(epoch(100), 9)
  })

  test('on another data set is of its images, and has the speed of runs on any data set in proportion', async () => {
    const of = { dataset: 'large@2' }
    const [small, large] = [await plan(mini), await plan(mini, { of })]
    // Four times the pixels of each image: more than three times as much for each layer but the last ones.
    expect(large.memory.activations / small.memory.activations).toBeGreaterThan(3.9)
    await ran('vgg_mini', 1000)
    await ran('vgg_mini', 7, 128, ENGINE, 'forgotten@1')
    const cost = (name: string) => analyze(KNOWN.findArchitecture('vgg_mini', name)!).multiplyAdds
    const seconds = ((900 + 300 / 3) / 1000) * (cost('large@2') / cost('cifar10'))
    expect(await secondsOf(plan(mini, { of }))).toBeCloseTo(seconds, 9)
    const some = { ...of, trainLimit: 90, testLimit: 30 }
    expect(await secondsOf(plan(mini, { of: some }))).toBeCloseTo(seconds / 10, 9)
    // Its very size, of a data set that was deleted since.
    await ran('vgg_mini', 200, 128, ENGINE, 'gone@1')
    expect(await secondsOf(plan(mini, { of }))).toBeCloseTo((900 + 300 / 3) / 200, 9)
    await expect(plan(mini, { of: { dataset: 'nobody' } })).rejects.toMatchObject({
      issues: [{ path: ['dataset'], message: 'There is no data set "nobody".' }],
    })
  })

  test('with frozen layers takes less in every way, and says what keeping their results takes', async () => {
    await ran('vgg_mini', 1000)
    const dataset = 'large@2'
    const freeze = 'FEATURES'
    const [all, changed, kept] = await Promise.all([
      plan(mini, { of: { dataset } }),
      plan(mini, { of: { dataset, freeze } }),
      plan(mini, { of: { dataset, freeze, isAugmented: false, trainLimit: 500 } }),
    ])
    const [one, two, three] = await Promise.all([all, changed, kept].map((it) => it.secondsPerEpoch()))
    expect(one! > two! && two! > three!).toBe(true)
    expect(all.trainableParameters).toBeGreaterThan(changed.trainableParameters)
    expect(all.memory.optimizer).toBeGreaterThan(changed.memory.optimizer)
    expect([all.frozenResults, changed.frozenResults]).toEqual([null, null])
    const { layers } = analyze(KNOWN.findArchitecture('vgg_mini', dataset)!)
    const cut = layers.findLast(({ entry }) => entry !== null)!
    const values = cut.outputShape.reduce((product, side) => product * side)
    expect(kept.frozenResults!.bytes).toBe((500 + 300) * (4 + 4 * values))
    // A forward pass of nearly all of it is a third of a step.
    const seconds = (await kept.frozenResults!.seconds())!
    const whole = (800 / 3 / (900 + 300 / 3)) * one!
    expect(seconds / whole).toBeGreaterThan(0.9)
    expect(seconds / whole).toBeLessThan(1)
    // More than is kept: they compute in each step.
    const many = { ...LARGE, count: { train: 10_000_000, test: 1 } }
    const datasets = { get: () => ({ facts: many }), whyNot: () => '' }
    expect(await plan(mini, { datasets, of: { dataset, freeze, isAugmented: false } })).toMatchObject({
      frozenResults: null,
    })
  })

  test('is refused for what could not be trained, with all reasons', async () => {
    const refusal = async (...args: Parameters<typeof plan>) => {
      const error = await plan(...args).catch((cause: unknown) => cause)
      expect(error).toBeInstanceOf(ValidationError)
      return (error as ValidationError).issues.map(({ path, message }) => `${path.join('.')}: ${message}`)
    }
    const large = { ...mini, inputShape: [64, 64, 3] as const, features: parseFeatures('8,M,M,M,M,M,M') }
    const optimizer: Optimizer = { ...SGD, momentum: 1 }
    const reasons = await refusal(large, { batchSize: 0, optimizer })
    expect(reasons).toHaveLength(3)
    expect(reasons[0]).toMatch(/^batchSize: /)
    expect(reasons[1]).toMatch(/^optimizer\.sgd\.momentum: /)
    expect(reasons[2]).toMatch(/^features: .*entry 7 \(M\): too many pools for an input of 32x32/)
    expect((await refusal(findArchitecture('vgg16')!, { maxParameters: 1e8 }))[0]).toMatch(/MAX_PARAMETERS/)
  })
})
