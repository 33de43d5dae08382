import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { NO_TELEMETRY } from '../../../src/adapters/local/telemetry.ts'
import { NO_TRACING } from '../../../src/adapters/local/tracing.ts'
import { OverloadedError, StoppingError } from '../../../src/errors.ts'
import { COVER } from '../../../src/pictures/resize.ts'
import { PredictionFailedError, PredictorUnavailableError } from '../../../src/predictor/errors.ts'
import {
  createPredictor,
  type PredictOutcome,
  type Predictor,
  type PredictorOptions,
} from '../../../src/predictor/predictor.ts'
import { findArchitecture } from '../../../src/zoo/catalog.ts'
import { createRecordingLog } from '../../support/recording-log.ts'
import { recordTracing } from '../../support/recording-tracing.ts'

// The real process is in predictor.test.ts; this one is a script that dies, hangs and waits on demand.
const entry = new URL('../../support/scripted/scripted-predictor.mjs', import.meta.url)
const open: Predictor[] = []

function create(how: string, options: Partial<PredictorOptions> = {}) {
  const log = createRecordingLog()
  const predictor = createPredictor({
    engine: 'auto',
    artifactsFolder: how,
    logger: log,
    telemetry: NO_TELEMETRY,
    tracing: NO_TRACING,
    entry,
    ...options,
    times: { backoffMs: 1, ...options.times },
  })
  open.push(predictor)
  return { predictor, log }
}

afterEach(async () => {
  await Promise.all(open.splice(0).map((predictor) => predictor.close()))
})

/** The picture is one RGB pixel whose first byte is a number to tell it by. */
function request(what: string, picture = 0) {
  return {
    model: {
      digest: '',
      architecture: { ...findArchitecture('vgg_mini')!, name: what },
      preprocessing: {
        size: [1, 1] as [number, number],
        resize: COVER,
        mean: [0, 0, 0] as [number, number, number],
        std: [1, 1, 1] as [number, number, number],
        labels: ['pixel'],
      },
    },
    image: { pixels: Uint8Array.of(picture, 0, 0) },
  }
}

const pictureOf = ({ pixels }: PredictOutcome) => pixels[0]
/** The script says behind the picture which process it is. */
const processOf = ({ pixels }: PredictOutcome): number =>
  JSON.parse(Buffer.from(pixels.subarray(3)).toString())[0]

describe('a process that dies at work', () => {
  test('is replaced, and every request but the one that kills is answered', async () => {
    const { predictor, log } = create('works')
    const first = await predictor.predict(request('answers'))
    const killing = predictor.predict(request('dies')).catch((error: unknown) => error)
    // Sent together with the one that kills: the first process has them too.
    const others = Array.from({ length: 20 }, (_, picture) => predictor.predict(request('answers', picture)))
    const outcomes = await Promise.all(others)
    expect(outcomes.map(pictureOf)).toEqual(Array.from({ length: 20 }, (_, picture) => picture))
    expect(await killing).toBeInstanceOf(PredictionFailedError)
    expect(((await killing) as Error).message).toMatch(/ended twice .* was killed by SIGKILL/)
    expect(outcomes.map(processOf)).not.toContain(processOf(first))
    expect(log.warnings).toEqual(Array(2).fill('the predictor process was killed by SIGKILL'))
    expect(predictor.queueDepth).toBe(0)
  })

  test('fails the span of the request that kills it, and of no other', async () => {
    const tracing = recordTracing()
    const { predictor } = create('works', { tracing })
    const parent = { traceparent: 'of an operation' }
    const answers = predictor.predict({ ...request('answers'), ...parent })
    await expect(predictor.predict({ ...request('dies'), ...parent })).rejects.toThrow(PredictionFailedError)
    await answers
    const some = { name: 'predict', parent: 'of an operation', hasEnded: true }
    const failure = { code: 'PredictionFailedError', message: expect.stringMatching(/ended twice/) }
    expect(tracing.spans).toMatchObject([
      { ...some, attributes: { 'vggzoo.outcome': 'answered' } },
      { ...some, attributes: { 'vggzoo.outcome': 'failed' }, failure },
    ])
    expect(tracing.spans[0]).not.toHaveProperty('failure')
    // A process that does not leave when it is told to is ended.
    await predictor.close()
  })

  test('is replaced for the next request when nobody waits', async () => {
    const { predictor, log } = create('works')
    const before = processOf(await predictor.predict(request('answers')))
    const warned = log.next('warn')
    process.kill(before, 'SIGKILL')
    await warned
    expect(processOf(await predictor.predict(request('answers')))).not.toBe(before)
  })

  test('five times in a row without an answer ends in a refusal that says why, at once for the rest time', async () => {
    const { predictor } = create('crashes')
    const reason = /ended 5 times in a row; the last time it exited with code 1.*graphics driver is on fire/
    await expect(predictor.predict(request('answers'))).rejects.toThrow(reason)
    await expect(predictor.predict(request('answers'))).rejects.toThrow(PredictorUnavailableError)
    await expect(predictor.engine()).rejects.toThrow(reason)
    expect(predictor.queueDepth).toBe(0)
  })

  test('is tried again when the rest time is over', async () => {
    const { predictor, log } = create('crashes', { times: { restMs: 0 } })
    await expect(predictor.predict(request('answers'))).rejects.toThrow(/5 times/)
    const warned = log.next('warn')
    const again = predictor.predict(request('answers')).catch((error: unknown) => error)
    await warned
    expect(log.warnings).toHaveLength(6)
    await predictor.close()
    await again
  })
})

describe('two processes', () => {
  /** The digest decides where a model is at home. */
  const at = (home: number, what: string, picture = 0) => {
    const asked = request(what, picture)
    asked.model.digest = `${home}`.padStart(8, '0').padEnd(64, '0')
    return asked
  }

  test('have a home for every model, and the death of one costs no answer of the other', async () => {
    const { predictor, log } = create('works', { processes: 2 })
    const [one, other] = await Promise.all([
      predictor.predict(at(0, 'answers')),
      predictor.predict(at(1, 'answers')),
    ])
    expect(processOf(one)).not.toBe(processOf(other))
    const killing = predictor.predict(at(0, 'dies')).catch((error: unknown) => error)
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, picture) => predictor.predict(at(picture % 2, 'answers', picture))),
    )
    expect(answers.map(pictureOf)).toEqual(Array.from({ length: 20 }, (_, picture) => picture))
    expect(await killing).toBeInstanceOf(PredictionFailedError)
    for (const [picture, answer] of answers.entries())
      if (picture % 2 === 1) expect(processOf(answer)).toBe(processOf(other))
    expect(log.warnings).toHaveLength(2)
  })

  test('help each other where one has much to do, and that one loads a copy', async () => {
    const { predictor } = create('works', { processes: 2 })
    const home = processOf(await predictor.predict(at(0, 'answers')))
    // 775 ms each, as long as nothing was measured.
    const large = at(0, 'waits')
    large.model.architecture = { ...findArchitecture('vgg16')!, name: 'waits' }
    const waiting = [predictor.predict(large).catch(() => {})]
    expect(processOf(await predictor.predict(at(0, 'answers')))).not.toBe(home)
    await predictor.close()
    await Promise.all(waiting)
  })

  test('load a model on demand, once', async () => {
    const { predictor } = create('works', { processes: 2 })
    const { model } = at(1, 'answers')
    expect(predictor.isLoaded(model.digest)).toBe(false)
    await predictor.warm(model)
    expect(predictor.isLoaded(model.digest)).toBe(true)
    await predictor.warm(model)
    await expect(predictor.warm(at(0, 'dies').model)).rejects.toThrow(PredictionFailedError)
  })
})

describe('a process that hangs', () => {
  const FIVE_MINUTES = 300_000
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  })
  afterEach(() => {
    vi.useRealTimers()
  })

  test('at work is killed after five minutes, and so is the one that gets its picture again', async () => {
    const { predictor, log } = create('works')
    await predictor.engine()
    const hanging = predictor.predict(request('hangs')).catch((error: unknown) => error)
    const innocent = predictor.predict(request('answers', 7))
    for (const starts of [1, 2]) {
      vi.advanceTimersByTime(FIVE_MINUTES)
      await log.next('warn')
      expect(log.warnings).toEqual(Array(starts).fill('the predictor process did not answer for 300 s'))
      const ready = log.next('info')
      vi.advanceTimersByTime(1000)
      await ready
    }
    expect(await hanging).toBeInstanceOf(PredictionFailedError)
    expect(pictureOf(await innocent)).toBe(7)
  })

  test('is found out although new requests keep coming', async () => {
    const { predictor, log } = create('works')
    await predictor.engine()
    const waiting = [predictor.predict(request('hangs')).catch((error: unknown) => error)]
    for (let minute = 0; minute < 5; minute++) {
      waiting.push(predictor.predict(request('answers')).catch((error: unknown) => error))
      vi.advanceTimersByTime(60_000)
    }
    await log.next('warn')
    await predictor.close()
    await Promise.all(waiting)
  })

  test('is left alone when nobody waits for it', async () => {
    const { predictor, log } = create('works')
    const before = processOf(await predictor.predict(request('answers')))
    const abort = new AbortController()
    const waiting = predictor.predict(request('waits'), abort.signal)
    abort.abort()
    await expect(waiting).rejects.toThrow(/aborted/)
    vi.advanceTimersByTime(2 * FIVE_MINUTES)
    expect(processOf(await predictor.predict(request('answers')))).toBe(before)
    expect(log.warnings).toEqual([])
  })

  test('before it is ready is killed and started again, and at last given up', async () => {
    const { predictor, log } = create('hangs')
    const engine = predictor.engine().catch((error: unknown) => error)
    for (let starts = 1; starts <= 5; starts++) {
      const warned = log.next('warn')
      vi.advanceTimersByTime(60_000)
      await warned
      // The wait before the next start.
      vi.advanceTimersByTime(1000)
    }
    expect(await engine).toMatchObject({
      message: expect.stringContaining('the last time it was not ready for 60 s'),
    })
  })
})

describe('the queue', () => {
  test('refuses what would wait too long, by what the pictures before it take, and says when it will not', async () => {
    const { predictor } = create('works', { maxWaitMs: 5000 })
    const open = (what: ReturnType<typeof request>) =>
      predictor.predict(what).catch((error: unknown) => error)
    const waiting = Array.from({ length: 100 }, () => open(request('waits')))
    expect(predictor.queueDepth).toBe(100)
    // 15.5 billion multiply-adds each.
    const large = request('waits')
    large.model.architecture = { ...findArchitecture('vgg16')!, name: 'waits' }
    while (predictor.queueDepth < 106) waiting.push(open(large))
    const another = [open(large), open(large), open(large)]
    const error = await Promise.race(another)
    expect(error).toBeInstanceOf(OverloadedError)
    expect((error as OverloadedError).retryAfterMs).toBeGreaterThan(0)
    expect((error as OverloadedError).retryAfterMs).toBeLessThan(2000)
    await predictor.close()
    for (const refused of await Promise.all(waiting)) expect(refused).toBeInstanceOf(StoppingError)
  })

  test('bounds the bytes that wait too', async () => {
    const { predictor } = create('works')
    const big = request('waits')
    big.model.preprocessing.size = [5000, 5000]
    big.image.pixels = new Uint8Array(5000 * 5000 * 3)
    const waiting = Array.from({ length: 3 }, () => predictor.predict(big).catch((error) => error))
    await expect(predictor.predict(big)).rejects.toThrow(OverloadedError)
    const small = predictor.predict(request('waits')).catch((error) => error)
    expect(predictor.queueDepth).toBe(4)
    await predictor.close()
    await Promise.all([...waiting, small])
  })

  test('lets go of a request that is aborted before, while and after it is sent', async () => {
    const { predictor } = create('works', { maxOpen: 1 })
    await expect(
      predictor.predict(request('waits'), AbortSignal.abort(new Error('too late'))),
    ).rejects.toThrow('too late')
    expect(predictor.queueDepth).toBe(0)
    for (const ready of [false, true]) {
      if (ready) await predictor.engine()
      const abort = new AbortController()
      const waiting = predictor.predict(request('waits'), abort.signal)
      expect(predictor.queueDepth).toBe(1)
      abort.abort(new Error('went away'))
      await expect(waiting).rejects.toThrow('went away')
      expect(predictor.queueDepth).toBe(0)
    }
    expect(pictureOf(await predictor.predict(request('answers', 9)))).toBe(9)
  })

  test('refuses raw pixels that are not of the size the model wants', async () => {
    const { predictor } = create('works')
    const wrong = { ...request('answers'), image: { pixels: new Uint8Array(7) } }
    await expect(predictor.predict(wrong)).rejects.toThrow('7 bytes are no RGB picture of 1 x 1 pixels')
  })
})

describe('the engine', () => {
  test('is reported without a request', async () => {
    const { predictor } = create('the device')
    expect(await predictor.engine()).toEqual({ kind: 'CPU', device: 'the device', notTaken: [] })
  })

  test('that was asked for and is missing is named, to those who wait and to those who come', async () => {
    const { predictor, log } = create('lacks its engine')
    const line = 'ENGINE=webgpu is not available: no adapter.'
    const waiting = predictor.predict(request('answers'))
    await expect(waiting).rejects.toThrow(new PredictorUnavailableError(line))
    await expect(predictor.engine()).rejects.toThrow(new PredictorUnavailableError(line))
    await expect(predictor.predict(request('answers'))).rejects.toThrow(line)
    expect(log.errors).toEqual([line])
  })
})

describe('close', () => {
  test('rejects what is open and leaves no process, also while one is starting', async () => {
    const { predictor } = create('works')
    const answered = processOf(await predictor.predict(request('answers')))
    const waiting = predictor.predict(request('waits'))
    const closed = predictor.close()
    await expect(waiting).rejects.toThrow('shutting down')
    await closed
    expect(() => process.kill(answered, 0)).toThrow('ESRCH')
    await expect(predictor.predict(request('answers'))).rejects.toThrow('shutting down')

    const { predictor: starting, log } = create('hangs')
    starting.start()
    await starting.close()
    await expect(starting.engine()).rejects.toThrow('shutting down')
    expect(log.warnings).toEqual([])
  })
})
