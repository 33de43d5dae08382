import { beforeEach, describe, expect, test } from 'vitest'
import { ConflictError, NotFoundError, ValidationError } from '../../../src/errors.ts'
import type { ArchitectureInput } from '../../../src/zoo/architecture-input.ts'
import { architectures as builtIn } from '../../../src/zoo/catalog.ts'
import { type ArchitectureRegistry, openArchitectureRegistry } from '../../../src/zoo/registry.ts'
import { useDatabase } from '../../support/database.ts'

const db = useDatabase()
let registry: ArchitectureRegistry

const open = () => openArchitectureRegistry({ prisma: db.prisma, maxParameters: 1_000_000 })
beforeEach(async () => {
  await db.prisma.trainingRun.deleteMany()
  await db.prisma.model.deleteMany()
  await db.prisma.customArchitecture.deleteMany()
  registry = await open()
})

const input = (name: string, change: Partial<ArchitectureInput> = {}): ArchitectureInput => ({
  name,
  features: '8,M,16x1',
  batchNorm: true,
  inputSize: [32, 32],
  classes: 10,
  head: { kind: 'flat', hidden: [4], dropout: 0.5 },
  ...change,
})

const startRun = (architecture: string) =>
  db.prisma.trainingRun.create({
    data: { name: 'a run', architecture, dataset: 'cifar10', hyperparameters: {}, seed: 1, epochs: 1 },
  })

describe('a registry', () => {
  test('lists the built-in networks, then the others in the order of their making, also when opened again', async () => {
    await registry.create(input('zeta'))
    await registry.create(input('alpha', { title: 'Not the first' }))
    const again = await open()
    for (const it of [registry, again]) {
      expect(it.list().map(({ name }) => name)).toEqual([...builtIn.map(({ name }) => name), 'zeta', 'alpha'])
      expect(it.list('CUSTOM').map(({ name }) => name)).toEqual(['zeta', 'alpha'])
      expect(it.list('LECTURE')).toHaveLength(2)
      expect(it.find('vgg16')).toBe(builtIn.find(({ name }) => name === 'vgg16'))
    }
    expect(again.find('alpha')).toEqual(registry.find('alpha'))
    expect(again.find('alpha')).toMatchObject({ title: 'Not the first', origin: 'CUSTOM' })
  })

  test('refuses a name that is taken, also by one that is being made at the same time', async () => {
    await expect(registry.create(input('vgg16'))).rejects.toThrow(
      new ConflictError(
        'There is an architecture vgg16 already (VGG-16 (configuration D)). Choose another name.',
      ),
    )
    const results = await Promise.allSettled([registry.create(input('twin')), registry.create(input('twin'))])
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected'])
    expect((results[1] as PromiseRejectedResult).reason).toBeInstanceOf(ConflictError)
    expect(await db.prisma.customArchitecture.count()).toBe(1)
  })

  test('holds to its limit of parameters', async () => {
    await expect(registry.create(input('wide', { features: '512,512' }))).rejects.toThrow(ValidationError)
    expect(registry.find('wide')).toBeUndefined()
  })

  test('deletes a network that nothing uses, for good', async () => {
    const made = await registry.create(input('brief'))
    expect(await registry.delete('brief')).toBe(made)
    expect(registry.find('brief')).toBeUndefined()
    expect((await open()).find('brief')).toBeUndefined()
    await expect(registry.delete('brief')).rejects.toThrow(NotFoundError)
    // Its name is free again.
    await registry.create(input('brief', { features: '4' }))
  })

  test('keeps what is built in', async () => {
    await expect(registry.delete('vgg16')).rejects.toThrow(/^vgg16 is built in/)
    await expect(registry.delete('vgg16')).rejects.toThrow(ConflictError)
    await expect(registry.delete('__proto__')).rejects.toThrow(NotFoundError)
  })

  test('keeps what training runs and model versions use, and says how many they are', async () => {
    await registry.create(input('used'))
    await startRun('used')
    await startRun('used')
    await expect(registry.delete('used')).rejects.toThrow(
      new ConflictError('used is used by 2 training runs; it can be deleted when none is left.'),
    )
    const model = await db.prisma.model.create({ data: { name: 'a model' } })
    await db.prisma.modelVersion.create({
      data: { modelId: model.id, version: 1, architecture: 'used', bytes: 1, digest: '', preprocessing: {} },
    })
    await expect(registry.delete('used')).rejects.toThrow(/used by 2 training runs and 1 model version;/)
    await db.prisma.trainingRun.deleteMany()
    await expect(registry.delete('used')).rejects.toThrow(/used by 1 model version;/)
    expect(registry.find('used')).toBeDefined()
  })
})

describe('a network that is being used', () => {
  test('is deleted only after that, and then not when it has come to be used', async () => {
    await registry.create(input('held'))
    let go = () => {}
    const asked = new Promise<void>((resolve) => {
      go = resolve
    })
    const use = registry.using('held', async (architecture) => {
      expect(architecture).toBe(registry.find('held'))
      await asked
      return startRun(architecture!.name)
    })
    const deletion = registry.delete('held').catch((error: unknown) => error)
    go()
    await use
    expect(await deletion).toBeInstanceOf(ConflictError)
    expect(registry.find('held')).toBeDefined()
  })

  test('may be used by several at once, and is free again when one of them fails', async () => {
    await registry.create(input('shared'))
    let meet = () => {}
    const other = new Promise<void>((resolve) => {
      meet = resolve
    })
    // Each waits for the other one: neither may wait for its end.
    await Promise.all([
      registry.using('shared', () => other),
      registry.using('shared', async () => meet()),
      expect(registry.using('shared', () => Promise.reject(new Error('no room')))).rejects.toThrow('no room'),
    ])
    await registry.delete('shared')
  })

  test('is gone for those that come while it is being deleted', async () => {
    await registry.create(input('going'))
    const deletion = registry.delete('going')
    const found = registry.using('going', async (architecture) => architecture)
    await deletion
    expect(await found).toBeUndefined()
  })

  test('a hundred times, while it is deleted and made again, is always there', async () => {
    const wrong: unknown[] = []
    await Promise.all(
      Array.from({ length: 100 }, async (_, index) => {
        if (index % 10 === 0) await registry.create(input('busy')).catch(() => undefined)
        if (index % 3 === 0) await registry.delete('busy').catch(() => undefined)
        await registry.using('busy', async (architecture) => {
          await db.prisma.model.count()
          if (registry.find('busy') !== architecture) wrong.push(architecture)
        })
      }),
    )
    expect(wrong).toEqual([])
  })
})
