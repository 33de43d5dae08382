import { createHash } from 'node:crypto'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, describe, expect, test } from 'vitest'
import { openArtifactStore } from '../../../src/adapters/local/artifact-store.ts'
import { NO_TELEMETRY } from '../../../src/adapters/local/telemetry.ts'
import type { DatasetStore } from '../../../src/data/dataset.ts'
import { NotReadyError, OverloadedError, StorageFullError } from '../../../src/errors.ts'
import { COVER } from '../../../src/pictures/resize.ts'
import { NonFiniteAnswerError } from '../../../src/predictor/errors.ts'
import {
  createFeatureFolders,
  type FeatureFolderOptions,
  type FeatureFolders,
} from '../../../src/predictor/reasons/feature-folders.ts'
import { findArchitecture } from '../../../src/zoo/catalog.ts'
import { createRecordingLog } from '../../support/recording-log.ts'
import { putArtifact } from '../../support/weights.ts'

// The real process is in test/api/reasons.test.ts; this one is a script that fails and hangs on demand.
const entry = new URL('../../support/scripted/scripted-features.mjs', import.meta.url)
const folder = mkdtempSync(join(tmpdir(), 'vggzoo-features-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
const artifacts = openArtifactStore(folder)

let versions = 0
/** Weights of their own for each test. */
async function putModel() {
  const content = `weights ${versions++}`
  const digest = await putArtifact(artifacts, async (path) => {
    await writeFile(path, content)
    return { digest: createHash('sha256').update(content).digest('hex'), bytes: content.length }
  })
  return {
    digest,
    architecture: findArchitecture('vgg_mini')!,
    preprocessing: {
      size: [1, 1] as [number, number],
      resize: COVER,
      mean: [0, 0, 0] as [number, number, number],
      std: [1, 1, 1] as [number, number, number],
      labels: [],
    },
  }
}

const dataset = (how: string) =>
  ({
    facts: { name: how },
    state: () => ({ state: 'READY' }),
    using: (task: (prepared: object) => Promise<unknown>) => task({ file: how, digest: how }),
  }) as unknown as DatasetStore

const open: FeatureFolders[] = []
afterEach(async () => {
  await Promise.all(open.splice(0).map((folders) => folders.close()))
})

function create(options: Partial<FeatureFolderOptions> = {}) {
  const folders = createFeatureFolders({
    engine: 'auto',
    artifactsFolder: folder,
    artifacts,
    isWanted: async () => true,
    logger: createRecordingLog(),
    telemetry: NO_TELEMETRY,
    waitMs: 60_000,
    entry,
    ...options,
  })
  open.push(folders)
  return folders
}

const failure = (work: Promise<unknown>): Promise<Error> =>
  work.then(
    () => Promise.reject(new Error('it did not fail')),
    (error: Error) => error,
  )
const writer = (made: string) => readFileSync(join(made, 'writer'), 'utf8')

describe('features of training pictures', () => {
  test('are computed once, for those who ask at the same time, later, and of a server started again', async () => {
    const model = await putModel()
    const folders = create()
    const [one, other] = await Promise.all([
      folders.of(model, dataset('works')),
      folders.of(model, dataset('works')),
    ])
    const process = writer(one)
    expect([other, await folders.of(model, dataset('works'))]).toEqual([one, one])
    expect(await create().of(model, dataset('works'))).toBe(one)
    expect(writer(one)).toBe(process)
  })

  test('are those of the weights, the network, what it sees and the data', async () => {
    const model = await putModel()
    const { architecture, preprocessing } = model
    const folders = create()
    const made = [
      await folders.of(model, dataset('works')),
      await folders.of(await putModel(), dataset('works')),
      await folders.of(model, dataset('works as well')),
      await folders.of({ ...model, architecture: { ...architecture, batchNorm: false } }, dataset('works')),
      await folders.of({ ...model, preprocessing: { ...preprocessing, mean: [1, 0, 0] } }, dataset('works')),
    ]
    expect(new Set(made).size).toBe(made.length)
    const renamed = { ...model, preprocessing: { ...preprocessing, labels: ['one'] } }
    expect(await folders.of(renamed, dataset('works'))).toBe(made[0])
  })

  test('that take longer than one waits are an error that says how far they are, and go on', async () => {
    const model = await putModel()
    const folders = create({ waitMs: 1 })
    let error = await failure(folders.of(model, dataset('goes on and on')))
    expect(error).toBeInstanceOf(NotReadyError)
    expect(error.message).toMatch(/wait to be computed/)
    while (!/computed, which/.test(error.message))
      error = await failure(folders.of(model, dataset('goes on and on')))
    expect(error.message).toMatch(/25 of 100, about \d+ s are left/)
  })

  test('are not waited for by one who is gone, and no further than a version has these weights', async () => {
    const model = await putModel()
    const leaving = new AbortController()
    let looked = 0
    const folders = create({ isWanted: async () => ++looked < 1 })
    const gone = failure(folders.of(model, dataset('goes on and on'), leaving.signal))
    const waiting = failure(folders.of(model, dataset('goes on and on')))
    leaving.abort(new Error('gone'))
    expect((await gone).message).toBe('gone')
    expect((await waiting).message).toMatch(/version was deleted/)
    expect(looked).toBe(1)
    expect(existsSync(join(folder, `${model.digest}.derived`))).toBe(false)
  })

  test('that fail say why, and are tried again', async () => {
    const model = await putModel()
    const folders = create()
    expect(await failure(folders.of(model, dataset('finds the disk full')))).toBeInstanceOf(StorageFullError)
    expect(await failure(folders.of(model, dataset('finds no finite numbers')))).toBeInstanceOf(
      NonFiniteAnswerError,
    )
    expect(readdirSync(folder).filter((name) => name.endsWith('.tmp'))).toEqual([])
    expect(writer(await folders.of(model, dataset('works')))).toMatch(/\d+/)
  })

  test('of more models than may wait are refused, and end with the server', async () => {
    const folders = create({ maxWaiting: 1 })
    const begun = [await putModel(), await putModel()].map((model) =>
      failure(folders.of(model, dataset('goes on and on'))),
    )
    expect(await failure(folders.of(await putModel(), dataset('works')))).toBeInstanceOf(OverloadedError)
    await folders.close()
    for (const error of await Promise.all(begun)) expect(error.message).toMatch(/server is shutting down/)
    expect((await failure(folders.of(await putModel(), dataset('works')))).message).toMatch(/shutting down/)
  })
})
