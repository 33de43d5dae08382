import { beforeEach, describe, expect, test } from 'vitest'
import { CIFAR10 } from '../../../src/data/sources/cifar10/facts.ts'
import type { EngineReport } from '../../../src/engine/report.ts'
import { ValidationError } from '../../../src/errors.ts'
import { OPTIMIZER_DEFAULTS, type Optimizer } from '../../../src/runs/model/hyperparameters.ts'
import { totalBytes } from '../../../src/runs/planning/memory.ts'
import { createPlanner, type PlannerOptions } from '../../../src/runs/planning/planner.ts'
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

function findFitted(name: string) {
  const architecture = findArchitecture(name)
  return architecture && fitToDataset(architecture, CIFAR10)
}

function plan(
  architecture: Architecture,
  {
    batchSize = 128,
    optimizer,
    ...options
  }: Partial<PlannerOptions> & { batchSize?: number; optimizer?: Optimizer } = {},
) {
  const planner = createPlanner({
    prisma: db.prisma,
    architectures: { find: findFitted },
    datasetFacts: () => CIFAR10,
    maxParameters: 500_000_000,
    engine: async () => ENGINE,
    tried: async () => null,
    memoryBytes: 64 * GIB,
    ...options,
  })
  return planner.plan(architecture, { dataset: 'cifar10', batchSize, optimizer })
}

const secondsOf = async (planned: ReturnType<typeof plan>) => (await planned).secondsPerEpoch()

const ran = (architecture: string, imagesPerSecond: number, batchSize = 128, engine = ENGINE) =>
  db.prisma.trainingRun.create({
    data: {
      ...{ name: 'a run', architecture, dataset: 'cifar10', seed: 1, epochs: 1, imagesPerSecond },
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
