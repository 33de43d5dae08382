import { existsSync, readdirSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as tf from '@tensorflow/tfjs'
import { beforeAll, describe, expect, test } from 'vitest'
import { openArtifactStore } from '../../../src/adapters/local/artifact-store.ts'
import { NO_AUGMENTATION } from '../../../src/data/augmentation/augmentation.ts'
import { NO_NORMALIZATION } from '../../../src/data/normalization.ts'
import type { EngineReport } from '../../../src/engine/report.ts'
import { selectEngine } from '../../../src/engine/select.ts'
import { type FrozenResults, openFrozenResults } from '../../../src/trainer/frozen-results.ts'
import type { StopKind, TrainingJob } from '../../../src/trainer/protocol.ts'
import { createTrainingSession } from '../../../src/trainer/session.ts'
import type { Architecture } from '../../../src/zoo/architecture.ts'
import { parseFeatures } from '../../../src/zoo/features.ts'
import { allOf, batchesInMemory, inMemory } from '../../support/loaded-dataset.ts'
import { temporaryFolder } from '../../support/temporary-folder.ts'

const ARCHITECTURE: Architecture = {
  name: 'tiny',
  title: 'tiny',
  origin: 'CUSTOM',
  configuration: null,
  features: parseFeatures('4,M,6,M'),
  batchNorm: true,
  inputShape: [8, 8, 3],
  classes: 3,
  head: { kind: 'flat', hidden: [], dropout: 0 },
}
const split = (count: number) =>
  inMemory({
    count,
    imageShape: [8, 8, 3] as [number, number, number],
    pixels: Uint8Array.from({ length: count * 8 * 8 * 3 }, (_, i) => (i * 7919) % 251),
    labels: Uint16Array.from({ length: count }, (_, i) => i % 3),
  })
const DATASET = batchesInMemory({ train: split(40), test: split(20) })
const WEIGHTS = 'f'.repeat(64)
/** Its features, with the pool and the flattening behind them. */
const FROZEN = 9

let engine: EngineReport
beforeAll(async () => {
  engine = await selectEngine('wasm')
})

async function setUp(
  folder: string,
  { augmentation = NO_AUGMENTATION, trainLimit = null as number | null } = {},
) {
  const store = openArtifactStore(folder)
  // What is made goes with its artifact.
  await writeFile(join(folder, `${WEIGHTS}.safetensors`), '')
  const transfer = { frozen: FROZEN, anew: [], head: [], headRate: 1 }
  const optimizer = { kind: 'sgd', momentum: 0, nesterov: false, weightDecay: 0 } as const
  const session = createTrainingSession(ARCHITECTURE, { optimizer, labelSmoothing: 0 }, 1, { transfer })
  const job = {
    architecture: ARCHITECTURE,
    hyperparameters: { augmentation, normalization: NO_NORMALIZATION, trainLimit, testLimit: null },
    datasetDigest: 'a digest',
    transfer: { ...transfer, weights: WEIGHTS },
    owner: 'mine',
  } as unknown as TrainingJob
  const said: string[] = []
  const open = (applyRequests: () => StopKind | null = () => null) =>
    openFrozenResults({
      job,
      dataset: DATASET,
      session,
      store,
      engine,
      applyRequests,
      progress() {},
      tell: (line) => said.push(line),
    })
  const files = () => {
    const derived = join(folder, `${WEIGHTS}.derived`)
    return existsSync(derived) ? readdirSync(derived).map((name) => join(derived, name)) : []
  }
  return { open, files, session, folder, said }
}

const OPTIONS = {
  ...{ batchSize: 12, seed: 5, epoch: 2, shuffle: true, skip: 1 },
  augmentation: NO_AUGMENTATION,
  normalization: NO_NORMALIZATION,
}
async function batchesOf(results: FrozenResults | StopKind | null, name: 'train' | 'test' = 'train') {
  return (await allOf((results as FrozenResults).epoch(name, OPTIONS))).map(({ x, y, size }) => ({
    x,
    y,
    size,
  }))
}

describe('what frozen layers make of pictures', () => {
  const folder = temporaryFolder

  test('is that of the same pictures in the same order, and read when it is there', async () => {
    const { open, files, session } = await setUp(folder())
    const first = await open()
    const spent = session.phases.seconds().frozenLayers
    expect(spent).toBeGreaterThan(0)
    for (const name of ['train', 'test'] as const) {
      const images = await allOf(DATASET.epoch(name, OPTIONS))
      const batches = await batchesOf(first, name)
      expect(batches.map(({ y }) => y)).toEqual(images.map(({ y }) => y))
      for (const [i, { x, size }] of images.entries()) {
        const live = tf.tidy(() => session.frozen!.forward(tf.tensor(x, [size, 8, 8, 3])).dataSync())
        const differences = Array.from(live, (value, at) => Math.abs(value - batches[i]!.x[at]!))
        const most = Math.max(...differences)
        expect(most).toBeLessThan(1e-5)
      }
    }
    expect(files()).toHaveLength(1)
    const again = await open()
    expect(await batchesOf(again)).toEqual(await batchesOf(first))
    expect(session.phases.seconds().frozenLayers).toBe(spent)
    session.dispose()
  })

  test('is made again, bit for bit, when it is damaged', async () => {
    const { open, files, session, said } = await setUp(folder())
    const before = await batchesOf(await open())
    const file = join(files()[0]!, 'train.bin')
    const bytes = await readFile(file)
    bytes[100]! ^= 1
    await writeFile(file, bytes)
    expect(await batchesOf(await open())).toEqual(before)
    expect(await readFile(file)).not.toEqual(bytes)
    expect(said).toContainEqual(expect.stringMatching(/damaged on the disk, and is computed again/))
    session.dispose()
  })

  test('is not left in part by a trainer that is stopped on the way', async () => {
    const { open, files, session, folder: place } = await setUp(folder())
    let asked = 0
    expect(await open(() => (++asked > 1 ? 'PAUSE' : null))).toBe('PAUSE')
    expect(files()).toEqual([])
    expect(readdirSync(place)).toEqual([`${WEIGHTS}.safetensors`])
    expect(await batchesOf(await open())).toHaveLength(3)
    session.dispose()
  })

  test('is not kept of pictures that are others each time, and is another of other pictures', async () => {
    const here = folder()
    const flipped = await setUp(here, { augmentation: { ...NO_AUGMENTATION, horizontalFlip: true } })
    expect(await flipped.open()).toBeNull()
    const all = await setUp(here)
    await all.open()
    const few = await setUp(here, { trainLimit: 24 })
    expect(await batchesOf(await few.open())).toHaveLength(1)
    expect(few.files()).toHaveLength(2)
    for (const { session } of [flipped, all, few]) session.dispose()
  })
})
