import { createHash } from 'node:crypto'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as tf from '@tensorflow/tfjs'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { openArtifactStore } from '../../../src/adapters/local/artifact-store.ts'
import { NO_TELEMETRY } from '../../../src/adapters/local/telemetry.ts'
import { NO_TRACING } from '../../../src/adapters/local/tracing.ts'
import { selectEngine } from '../../../src/engine/select.ts'
import { UnsupportedImageError } from '../../../src/pictures/errors.ts'
import { prepareImage } from '../../../src/pictures/image.ts'
import { type ArtifactStore, DamagedArtifactError } from '../../../src/ports/artifact-store.ts'
import { NonFiniteAnswerError, UnusableModelError } from '../../../src/predictor/errors.ts'
import { createPredictor, type PredictOutcome, type Predictor } from '../../../src/predictor/predictor.ts'
import { findArchitecture } from '../../../src/zoo/catalog.ts'
import { FOREIGN_ISA } from '../../support/foreign-isa.ts'
import { noise, noisePixels } from '../../support/images.ts'
import { createRecordingLog } from '../../support/recording-log.ts'
import { CIFAR10_LABELS, storeRandomModel, type TrainedModel } from '../../support/trained-model.ts'
import { putArtifact } from '../../support/weights.ts'

// The process as it is shipped: compiled by `npm run build`, which `npm test` does first.
const entry = new URL('../../../dist/predictor/predictor-process.js', import.meta.url)

let folder: string
let store: ArtifactStore
let model: TrainedModel
let predictor: Predictor
const log = createRecordingLog()

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'vggzoo-predictor-'))
  store = openArtifactStore(folder)
  predictor = createPredictor({
    engine: 'wasm',
    artifactsFolder: folder,
    logger: log,
    telemetry: NO_TELEMETRY,
    tracing: NO_TRACING,
    entry,
  })
  predictor.start()
  await selectEngine('wasm')
  // Fresh dense layers answer 0.1 for everything; these tell one picture from another.
  model = await storeRandomModel(store, 'vgg_mini', 7, (layer, variable, value) =>
    layer.startsWith('classifier') && variable === 'kernel' ? tf.mul(value, 12) : value,
  )
})

afterAll(async () => {
  await predictor.close()
  model.dispose()
  await rm(folder, { recursive: true })
})

/** What the network answers in this process, by the shortest way there is: [picture][label]. */
async function expected(pictures: readonly Uint8Array[]): Promise<Record<string, number>[]> {
  const { mean, std } = model.preprocessing
  const probabilities = tf.tidy(() => {
    const bytes = tf.concat(pictures.map((pixels) => tf.tensor4d(Array.from(pixels), [1, 32, 32, 3])))
    return tf.softmax(model.forward(tf.div(tf.sub(tf.div(bytes, 255), mean), std) as tf.Tensor4D))
  })
  const rows = (await probabilities.array()) as number[][]
  probabilities.dispose()
  return rows.map((row) => Object.fromEntries(row.map((value, index) => [CIFAR10_LABELS[index], value])))
}

function expectProbabilities({ probabilities }: PredictOutcome, reference: Record<string, number>): void {
  for (const { label, probability } of probabilities) {
    expect(Math.abs(probability - reference[label]!)).toBeLessThan(1e-5)
  }
}

describe('a prediction', () => {
  test('of a picture file equals a forward pass in this process', async () => {
    const jpeg = await noise(1, 80, 60).jpeg().toBuffer()
    const outcome = await predictor.predict({ model, image: { bytes: jpeg } })
    const { pixels } = await prepareImage(jpeg, [32, 32])
    const [reference] = await expected([pixels])
    expectProbabilities(outcome, reference!)
    expect(Buffer.from(outcome.pixels).equals(pixels)).toBe(true)
    const { decodeMs, computeMs, batch } = outcome.times
    expect(decodeMs).toBeGreaterThan(0)
    expect(computeMs).toBeGreaterThan(0)
    expect(batch).toBe(1)
    expect(outcome.latencyMs).toBeGreaterThan(0)
  })

  test('has every label once, most likely first, and sums to 1', async () => {
    const { probabilities } = await predictor.predict({ model, image: { pixels: noisePixels(2) } })
    expect(probabilities.map(({ label }) => label).sort()).toEqual(CIFAR10_LABELS)
    const values = probabilities.map(({ probability }) => probability)
    expect(values).toEqual(values.toSorted((one, other) => other - one))
    expect(Math.abs(values.reduce((sum, value) => sum + value, 0) - 1)).toBeLessThan(1e-6)
    // A network that answers the same for all would pass the other tests.
    expect(values[0]! - values[9]!).toBeGreaterThan(0.05)
  })

  test('of raw pixels is of those very pixels', async () => {
    const pixels = noisePixels(3)
    const seen = await predictor.predict({ model, image: { pixels } })
    expect(Buffer.from(seen.pixels).equals(pixels)).toBe(true)
  })

  test('is the same on the plain engine, within 1e-5', async () => {
    const other = createPredictor({
      engine: 'cpu',
      artifactsFolder: folder,
      logger: createRecordingLog(),
      telemetry: NO_TELEMETRY,
      tracing: NO_TRACING,
      entry,
    })
    expect(await other.engine()).toMatchObject({ kind: 'CPU' })
    const outcome = await other.predict({ model, image: { pixels: noisePixels(4) } })
    await other.close()
    const [reference] = await expected([noisePixels(4)])
    expectProbabilities(outcome, reference!)
  })
})

describe('64 predictions at once', () => {
  const seeds = Array.from({ length: 64 }, (_, index) => 100 + index)

  test('each get the answer to their own picture', async () => {
    const files = await Promise.all(seeds.map((seed) => noise(seed).png().toBuffer()))
    const outcomes = await Promise.all(files.map((bytes) => predictor.predict({ model, image: { bytes } })))
    const references = await expected(seeds.map((seed) => noisePixels(seed)))
    outcomes.forEach((outcome, index) => {
      expectProbabilities(outcome, references[index]!)
    })
    expect(new Set(outcomes.map(({ probabilities }) => probabilities[0]?.probability)).size).toBe(64)
  })

  test('are all answered right although the process is killed in their midst', async () => {
    const before = pid()
    const ready = log.next('info')
    const answers = seeds.map((seed) => predictor.predict({ model, image: { pixels: noisePixels(seed) } }))
    // Some are answered, some are not: the kill falls into the work.
    await Promise.any(answers)
    process.kill(before, 'SIGKILL')
    expect(predictor.queueDepth).toBeGreaterThan(0)
    const outcomes = await Promise.all(answers)
    await ready
    expect(pid()).not.toBe(before)
    const references = await expected(seeds.map((seed) => noisePixels(seed)))
    outcomes.forEach((outcome, index) => {
      expectProbabilities(outcome, references[index]!)
    })
  })

  test('of two models each come from the right one', async () => {
    const second = await storeRandomModel(store, 'vgg_mini', 8)
    second.dispose()
    const pixels = noisePixels(5)
    const [reference] = await expected([pixels])
    const outcomes = await Promise.all(
      Array.from({ length: 16 }, (_, index) =>
        predictor.predict({ model: index % 2 === 0 ? model : second, image: { pixels } }),
      ),
    )
    outcomes.forEach((outcome, index) => {
      if (index % 2 === 0) expectProbabilities(outcome, reference!)
      else expect(outcome.probabilities[0]?.probability).toBeLessThan(0.11)
    })
  })
})

describe('what cannot be predicted is told apart', () => {
  const image = { pixels: noisePixels(6) }

  test('a picture that is cut short, found by the process', async () => {
    const png = await noise(6, 100, 100).png().toBuffer()
    const error = await predictor
      .predict({ model, image: { bytes: png.subarray(0, png.length >> 1) } })
      .catch((cause: unknown) => cause)
    expect(error).toBeInstanceOf(UnsupportedImageError)
    expect(error).toMatchObject({ reason: 'TRUNCATED', message: expect.stringContaining('cut short') })
  })

  test('a text, refused before it is sent', async () => {
    const text = { bytes: Buffer.from('What is this?') }
    await expect(predictor.predict({ model, image: text })).rejects.toMatchObject({ reason: 'NOT_AN_IMAGE' })
  })

  test('weights that were altered on disk, by the name of their file', async () => {
    const damaged = await storeRandomModel(store, 'vgg_mini', 9)
    damaged.dispose()
    const path = await store.materialise(damaged.digest)
    const content = await readFile(path)
    content[content.length >> 1]! ^= 1
    await writeFile(path, content)
    const error = await predictor.predict({ model: damaged, image }).catch((cause: unknown) => cause)
    expect(error).toBeInstanceOf(DamagedArtifactError)
    expect((error as Error).message).toContain(`${path} is damaged`)
  })

  test('weights that are gone, by the name of their file', async () => {
    const digest = '0'.repeat(64)
    const error = await predictor
      .predict({ model: { ...model, digest }, image })
      .catch((cause: unknown) => cause)
    expect(error).toBeInstanceOf(DamagedArtifactError)
    expect((error as Error).message).toContain(`${digest}.safetensors`)
  })

  test('weights of another network, by what does not fit', async () => {
    const error = await predictor
      .predict({ model: { ...model, architecture: findArchitecture('vgg11_cifar')! }, image })
      .catch((cause: unknown) => cause)
    expect(error).toBeInstanceOf(UnusableModelError)
    expect((error as Error).message).toMatch(/do not fit vgg11_cifar/)
  })

  test('a file of the store that holds no weights', async () => {
    const content = 'not tensors'
    const digest = await putArtifact(store, async (path) => {
      await writeFile(path, content)
      return { digest: createHash('sha256').update(content).digest('hex'), bytes: content.length }
    })
    const wrong = { ...model, digest }
    await expect(predictor.predict({ model: wrong, image })).rejects.toThrow(UnusableModelError)
  })

  test('a network whose training diverged', async () => {
    const diverged = await storeRandomModel(store, 'vgg_mini', 10, (_layer, variable, value) =>
      variable === 'bias' ? tf.mul(tf.onesLike(value), Number.NaN) : value,
    )
    diverged.dispose()
    const error = await predictor.predict({ model: diverged, image }).catch((cause: unknown) => cause)
    expect(error).toBeInstanceOf(NonFiniteAnswerError)
    expect((error as Error).message).toContain('training diverged')
  })

  test('an engine that this machine lacks', async () => {
    vi.stubEnv('NATIVE_ISA', FOREIGN_ISA)
    const native = createPredictor({
      engine: 'native',
      artifactsFolder: folder,
      logger: createRecordingLog(),
      telemetry: NO_TELEMETRY,
      tracing: NO_TRACING,
      entry,
    })
    await expect(native.engine()).rejects.toThrow(/^ENGINE=native is not available: .*\.$/)
    await native.close()
    vi.unstubAllEnvs()
  })
})

test('closing leaves no process', async () => {
  const otherLog = createRecordingLog()
  const other = createPredictor({
    engine: 'cpu',
    artifactsFolder: folder,
    logger: otherLog,
    telemetry: NO_TELEMETRY,
    tracing: NO_TRACING,
    entry,
  })
  await other.engine()
  const child = pid(otherLog)
  const waiting = other
    .predict({ model, image: { pixels: noisePixels(7) } })
    .catch((error: Error) => error.message)
  await other.close()
  expect(() => process.kill(child, 0)).toThrow('ESRCH')
  expect(await waiting).toContain('shutting down')
})

/** The process that became ready last. */
function pid({ infos } = log): number {
  return infos.findLast(({ message }) => message === 'predictor is ready')?.context.predictor as number
}
