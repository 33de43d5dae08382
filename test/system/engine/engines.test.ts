import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, describe, expect, test, vi } from 'vitest'
import { NO_TELEMETRY } from '../../../src/adapters/local/telemetry.ts'
import type { EngineName, EngineReport } from '../../../src/engine/report.ts'
import { tryEngines } from '../../../src/system/engine-trials/try-engines.ts'
import { createEngines, type Engines, type EnginesOptions } from '../../../src/system/engines.ts'
import { createRecordingLog } from '../../support/recording-log.ts'

const scripted = new URL('../../support/scripted/scripted-trial.mjs', import.meta.url)
const never = new AbortController().signal

const folder = mkdtempSync(join(tmpdir(), 'vggzoo-engines-'))
afterAll(() => rmSync(folder, { recursive: true }))
const open: Engines[] = []
afterEach(() => Promise.all(open.splice(0).map((engines) => engines.close())))

const onGpu: EngineReport = {
  kind: 'WEBGPU',
  device: 'GPU, WebGPU',
  processor: 'GPU',
  instructionSet: 'WebGPU',
  threads: null,
  notTaken: [{ engine: 'tensorflow', reason: 'it is not installed' }],
}
const onProcessor: EngineReport = {
  ...onGpu,
  kind: 'NATIVE',
  notTaken: [...onGpu.notTaken, { engine: 'webgpu', reason: 'no GPU is visible to this machine' }],
}

type Outcome = number | 'dies' | 'hangs' | 'fails' | 'absent'
const script = (outcomes: Partial<Record<EngineName, Outcome>>) =>
  vi.stubEnv('TRIALS', JSON.stringify(outcomes))
afterEach(() => vi.unstubAllEnvs())

function create(name: string, options: Partial<EnginesOptions> = {}) {
  const logger = createRecordingLog()
  const file = join(folder, name)
  const engines = createEngines({
    choice: 'auto',
    file,
    version: '1',
    logger,
    telemetry: NO_TELEMETRY,
    mayHaveGpu: true,
    trial: { entry: scripted },
    ...options,
  })
  open.push(engines)
  return { engines, file, logger }
}

describe('a trial of engines', () => {
  test('knows an engine that dies or fails with its reason, and goes on with the next', async () => {
    script({ tensorflow: 'dies', webgpu: 'fails', native: 'absent', wasm: 70 })
    const options = { logger: createRecordingLog(), telemetry: NO_TELEMETRY, signal: never, entry: scripted }
    expect(await tryEngines(['tensorflow', 'webgpu', 'native', 'wasm'], options)).toEqual([
      {
        engine: 'tensorflow',
        imagesPerSecond: null,
        failure: 'its process exited with code 1: RangeError: the driver is gone',
      },
      { engine: 'webgpu', imagesPerSecond: null, failure: 'its loss was not finite' },
      { engine: 'wasm', imagesPerSecond: 70, failure: null },
    ])
  })

  test('ends an engine that hangs', async () => {
    script({ webgpu: 'hangs' })
    const options = {
      logger: createRecordingLog(),
      telemetry: NO_TELEMETRY,
      signal: never,
      entry: scripted,
      limitMs: 100,
    }
    expect(await tryEngines(['webgpu'], options)).toEqual([
      { engine: 'webgpu', imagesPerSecond: null, failure: 'its process said nothing for 0.1 s' },
    ])
  })
})

describe('the engines of a machine', () => {
  test('with a GPU are tried once, and every process that starts later gets the figures', async () => {
    script({ webgpu: 300, native: 900 })
    const { engines, file } = create('once')
    expect(engines.request).toEqual({ trials: [] })
    engines.compare(Promise.resolve(onGpu))
    await engines.settled(never)
    const fastestFirst = [
      { engine: 'native', imagesPerSecond: 900, failure: null },
      { engine: 'webgpu', imagesPerSecond: 300, failure: null },
    ]
    expect(engines.trials).toEqual(fastestFirst)
    // As it crosses to another process.
    expect(structuredClone(engines.request)).toEqual({ trials: fastestFirst })

    script({ webgpu: 3000, native: 1 })
    const { engines: next } = create('once')
    expect(next.trials).toEqual(fastestFirst)
    next.compare(Promise.resolve(onProcessor))
    await next.settled(never)
    expect(next.trials).toEqual(fastestFirst)

    // Another version, another machine, and a file that says nothing: everything is tried again.
    expect(create('once', { version: '2' }).engines.trials).toEqual([])
    const record = JSON.parse(readFileSync(file, 'utf8'))
    writeFileSync(file, JSON.stringify({ ...record, machine: { ...record.machine, gpus: ['another'] } }))
    expect(create('once').engines.trials).toEqual([])
    writeFileSync(file, '{')
    expect(create('once').engines.trials).toEqual([])
  })

  test('without a usable GPU are not tried, nor one that a person chose', async () => {
    const none: [Partial<EnginesOptions>, Promise<EngineReport>][] = [
      [{}, Promise.resolve(onProcessor)],
      [{ choice: 'webgpu' }, Promise.resolve(onGpu)],
      // Whatever comes of it, nothing waits for it.
      [{ mayHaveGpu: false }, new Promise(() => {})],
      [{}, Promise.reject(new Error('no predictor'))],
    ]
    for (const [options, taken] of none) {
      const { engines, file } = create('none', { ...options, trial: { entry: new URL('file:///nowhere') } })
      engines.compare(taken)
      await engines.settled(never)
      expect(engines.trials).toEqual([])
      expect(existsSync(file)).toBe(false)
    }
    expect(create('none', { choice: 'wasm' }).engines.request).toBe('wasm')
  })

  test('that are still being tried keep neither a cancelled run nor the end of the server waiting', async () => {
    script({ webgpu: 'hangs' })
    const { engines } = create('hangs')
    engines.compare(Promise.resolve(onGpu))
    const abort = new AbortController()
    const waiting = engines.settled(abort.signal)
    abort.abort(new Error('cancelled'))
    await expect(waiting).rejects.toThrow('cancelled')
    await engines.close()
    expect(engines.trials).toEqual([])
  })

  test('are tried for their speed when it is asked, once, where no comparison has told it', async () => {
    script({ native: 500, wasm: 'fails' })
    const { engines } = create('speed', { mayHaveGpu: false })
    const [first, second] = await Promise.all([engines.speedOf(onProcessor), engines.speedOf(onProcessor)])
    expect(first).toMatchObject({ architecture: { name: 'vgg_mini' }, batchSize: 128, imagesPerSecond: 500 })
    script({ native: 1, wasm: 'fails' })
    expect(await engines.speedOf(onProcessor)).toBe(second)
    expect(await engines.speedOf({ kind: 'WASM' })).toBeNull()
    // It compared nothing: processes take what they took.
    expect(engines.trials).toEqual([])

    const { engines: compared } = create('speed-compared')
    script({ webgpu: 300, native: 900 })
    compared.compare(Promise.resolve(onGpu))
    expect(await compared.speedOf(onGpu)).toMatchObject({ imagesPerSecond: 300 })
  })
})
