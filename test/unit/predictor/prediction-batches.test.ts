import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { createBus } from '../../../src/adapters/local/bus.ts'
import type { ModelVersion } from '../../../src/db/generated/client.ts'
import {
  ConflictError,
  NotFoundError,
  OverloadedError,
  StoppingError,
  StorageFullError,
  ValidationError,
} from '../../../src/errors.ts'
import { UnsupportedImageError } from '../../../src/pictures/errors.ts'
import { COVER } from '../../../src/pictures/resize.ts'
import { PredictionFailedError } from '../../../src/predictor/errors.ts'
import {
  type BatchAnswer,
  type BatchInput,
  type BatchPicture,
  createPredictionBatches,
  type PredictionBatches,
} from '../../../src/predictor/prediction-batches.ts'
import type { MadePrediction, StoredPrediction } from '../../../src/predictor/predictions.ts'
import { createRecordingLog, type RecordingLog } from '../../support/recording-log.ts'

/** A picture that the predictor has. */
interface Asked {
  name: string
  isStored: boolean
  signal: AbortSignal | undefined
  answer(): void
  fail(error: unknown): void
}

const version = (side: number) =>
  ({
    preprocessing: { size: [side, side], resize: COVER, mean: [0, 0, 0], std: [1, 1, 1], labels: ['cat'] },
    evaluation: null,
  }) as unknown as ModelVersion

let asked: Asked[]
let others: number
let side: number
let logger: RecordingLog
let batches: PredictionBatches

beforeEach(() => {
  asked = []
  others = 0
  side = 32
  logger = createRecordingLog()
  batches = open()
})
afterEach(() => vi.useRealTimers())

function open(): PredictionBatches {
  const ask = (isStored: boolean) => (input: { image: object }, signal?: AbortSignal) =>
    new Promise<MadePrediction & StoredPrediction>((resolve, reject) => {
      const name = (input.image as { base64: string }).base64
      const answer = () => resolve({ label: `a ${name}` } as MadePrediction & StoredPrediction)
      signal?.addEventListener('abort', () => reject(signal.reason))
      asked.push({ name, isStored, signal, answer, fail: reject })
    })
  return createPredictionBatches({
    openBus: createBus,
    models: {
      resolve: async (ref) => {
        if (ref !== null) throw new NotFoundError('There is no such model.')
        return version(side)
      },
    },
    predictions: { predict: ask(false), predictAndStore: ask(true) },
    predictor: {
      get queueDepth() {
        return others + asked.length
      },
    },
    logger,
  })
}

const picture = (name: string): BatchPicture => ({ bytes: 0, read: () => ({ base64: name }) })
const pictures = (...names: string[]) => names.map(picture)
const numbered = (count: number) => Array.from({ length: count }, (_, index) => picture(String(index)))
const input = (given: readonly BatchPicture[], more: Partial<BatchInput> = {}): BatchInput => ({
  pictures: given,
  model: null,
  isStored: false,
  ...more,
})
/** Lets what has been answered be taken notice of. */
const settle = () => new Promise((resolve) => setImmediate(resolve))
const said = (result: BatchAnswer['result']) => (result instanceof Error ? result.message : result.label)

async function take(stream: AsyncIterableIterator<BatchAnswer>, count: number): Promise<string[]> {
  const taken: string[] = []
  for (let i = 0; i < count; i++) {
    const { value, done } = await stream.next()
    taken.push(done ? 'end' : `${value.number}. ${value.index} ${said(value.result)}`)
  }
  return taken
}

/** Answers what is asked, as long as anything is; so many were at once at the most. */
async function answerAll(): Promise<number> {
  let most = 0
  for (await settle(); asked.length > 0; await settle()) {
    most = Math.max(most, asked.length)
    asked.shift()!.answer()
  }
  return most
}

describe('a batch of pictures', () => {
  test('has its results in order, however they come, and each failure is that of its picture alone', async () => {
    const batch = await batches.begin(
      input([
        ...pictures('dog', 'text', 'deadly', 'bug', 'full', 'ship'),
        { bytes: 0, read: () => Promise.reject(new UnsupportedImageError('TOO_MANY_BYTES', 'Too large.')) },
      ]),
    )
    expect(batch).toMatchObject({ id: null, count: 7 })
    await settle()
    const [dog, text, deadly, bug, full, ship] = asked
    ship!.answer()
    full!.fail(new StorageFullError('The disk is full.'))
    bug!.fail(new TypeError('undefined is no function'))
    deadly!.fail(new PredictionFailedError('It ended twice.'))
    text!.fail(new UnsupportedImageError('NOT_AN_IMAGE', 'A text.'))
    dog!.answer()
    const results = await batch.results
    expect(results.map(said)).toEqual([
      'a dog',
      'A text.',
      'It ended twice.',
      'Unexpected error. The server log says more.',
      'The disk is full.',
      'a ship',
      'Too large.',
    ])
    const failures = results.filter((result) => result instanceof Error).map(({ name }) => name)
    expect(failures).toEqual([
      'UnsupportedImageError',
      'PredictionFailedError',
      'PredictionFailedError',
      'PredictionFailedError',
      'UnsupportedImageError',
    ])
    // What nobody expects is told to who runs the server.
    expect(logger.errors).toEqual(['a picture of a batch failed'])
  })

  test('enters the predictor as there is room, in turns with others, and leaves most of it to single pictures', async () => {
    const first = await batches.begin(input(numbered(200)))
    const second = await batches.begin(input(numbered(100).map(({ read }) => ({ bytes: 0, read }))))
    const most = await answerAll()
    expect(most).toBeGreaterThan(16)
    expect(most).toBeLessThanOrEqual(32)
    expect((await first.results).map(said)).toEqual(numbered(200).map((_, index) => `a ${index}`))
    expect(await second.results).toHaveLength(100)
    others = 60
    const third = await batches.begin(input(numbered(20)))
    expect(await answerAll()).toBe(2)
    expect(await third.results).toHaveLength(20)
  })

  test('waits where the predictor has no room, and is not refused for that', async () => {
    const batch = await batches.begin(input(pictures('cat', 'dog')))
    await settle()
    for (const { fail } of asked.splice(0)) fail(new OverloadedError('Later.', 1, 64))
    await expect.poll(() => asked.length).toBe(2)
    await answerAll()
    expect((await batch.results).map(said)).toEqual(['a cat', 'a dog'])
  })

  test('with nothing in it, too much, an id that is none or is taken, or no model is refused as a whole', async () => {
    const refusal = (given: BatchInput) => batches.begin(given).then(() => null, String)
    expect(await refusal(input([]))).toMatch(/ValidationError: images: There is no picture/)
    expect(await refusal(input(numbered(257)))).toMatch(/at most 256 pictures, not 257/)
    expect(await refusal(input(numbered(257), { id: ' ' }))).toMatch(/256.*batch: An id has/)
    expect(await refusal(input(numbered(1), { model: { versionId: 'x' } }))).toMatch(/NotFoundError/)
    await batches.begin(input(numbered(1), { id: 'mine' }))
    expect(await refusal(input(numbered(1), { id: 'mine' }))).toMatch(/ConflictError: .*"mine" already/)
    await answerAll()
    expect(await refusal(input(numbered(1), { id: 'mine' }))).toMatch(/ConflictError/)
  })

  test('is refused while the pictures of others fill the memory or the predictor, and told when to come back', async () => {
    const refused = async () => {
      const error: OverloadedError = await batches.begin(input(numbered(2))).then(
        () => expect.fail('It was taken.'),
        (reason) => reason,
      )
      expect(error).toBeInstanceOf(OverloadedError)
      expect(error.retryAfterMs).toBeGreaterThan(0)
      return error.queueDepth
    }
    for (let i = 0; i < 16; i++) await batches.begin(input(numbered(2)))
    expect(await refused()).toBe(32)
    await answerAll()
    // However much one takes: alone it is let in.
    side = 1000
    await batches.begin(input(numbered(256)))
    expect(await refused()).toBe(256)
    await answerAll()
    await batches.begin(input([{ bytes: 300 * 2 ** 20, read: () => ({ base64: 'large' }) }]))
    expect(await refused()).toBe(1)
    await answerAll()
  })

  test('that is left is given up: what is asked is cancelled, the rest is not asked, and its files are let go', async () => {
    const held = new Set<number>()
    const leaving = new AbortController()
    const files = numbered(100).map((it, index) => ({
      ...it,
      hold() {
        held.add(index)
        return () => void held.delete(index)
      },
    }))
    const batch = await batches.begin(input(files, { id: 'left' }), leaving.signal)
    await settle()
    expect(held.size).toBe(100)
    asked.shift()!.answer()
    await settle()
    const before = asked.length
    leaving.abort(new Error('gone'))
    const [first, ...rest] = await batch.results
    expect(said(first!)).toBe('a 0')
    for (const result of rest) {
      expect(result).toBeInstanceOf(PredictionFailedError)
      expect(said(result)).toMatch(/Who asked for it left/)
    }
    await settle()
    expect(asked.every(({ signal }) => signal!.aborted)).toBe(true)
    expect(asked).toHaveLength(before)
    expect(held.size).toBe(0)
    // Who was cut off and sends it again is not told that it is there already.
    asked = []
    const again = await batches.begin(input(pictures('cat'), { id: 'left' }))
    await answerAll()
    expect((await again.results).map(said)).toEqual(['a cat'])
    expect(logger.errors).toEqual([])
  })

  test('ends when the server stops, with a failure for each picture that has no answer', async () => {
    const batch = await batches.begin(input(pictures('cat', 'dog'), { id: 'stopped', isStored: true }))
    const stream = await batches.follow('stopped')
    await batches.close()
    expect((await batch.results).map(said)).toEqual(Array(2).fill(expect.stringMatching(/server stopped/)))
    expect(await take(stream, 3)).toEqual([
      expect.stringMatching(/1\. 0 The server stopped/),
      expect.stringMatching(/2\. 1 /),
      'end',
    ])
    await expect(batches.begin(input(pictures('cat')))).rejects.toThrow(StoppingError)
  })
})

describe('who follows a batch', () => {
  test('gets each answer once, as they come, from before it began, in the middle and after its end', async () => {
    const early = await batches.follow('mine')
    const waiting = take(early, 2)
    await batches.begin(input(pictures('cat', 'dog', 'ship'), { id: 'mine', isStored: true }))
    await settle()
    expect(asked.every(({ isStored }) => isStored)).toBe(true)
    const [cat, dog, ship] = asked
    ship!.answer()
    cat!.answer()
    expect(await waiting).toEqual(['1. 2 a ship', '2. 0 a cat'])
    const amid = await batches.follow('mine')
    const behind = await batches.follow('mine', 1)
    dog!.fail(new ValidationError([{ path: ['image'], message: 'No dogs.' }]))
    expect(await take(early, 2)).toEqual(['3. 1 image: No dogs.', 'end'])
    const all = ['1. 2 a ship', '2. 0 a cat', '3. 1 image: No dogs.', 'end']
    expect(await take(amid, 4)).toEqual(all)
    expect(await take(behind, 3)).toEqual(all.slice(1))
    expect(await take(await batches.follow('mine'), 4)).toEqual(all)
    expect(await take(await batches.follow('mine', 3), 1)).toEqual(['end'])
    expect(batches.listenerCount).toBe(0)
  })

  test('gets an id from a batch that is stored, and can leave at any time', async () => {
    const { id } = await batches.begin(input(pictures('cat'), { isStored: true }))
    const stream = await batches.follow(id!)
    const waiting = stream.next()
    await stream.return?.()
    expect(await waiting).toEqual({ done: true, value: undefined })
    const never = await batches.follow('never')
    await never.return?.()
    expect(batches.listenerCount).toBe(0)
    await answerAll()
  })

  test('hears that a batch does not come, or is not kept any more', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] })
    const never = (await batches.follow('never')).next()
    await batches.begin(input(numbered(20), { id: 'short' }))
    const slow = await batches.follow('short')
    await answerAll()
    vi.advanceTimersByTime(61_000)
    await expect(never).rejects.toThrow(/no batch "never", and none came/)
    expect(await take(slow, 1)).toEqual(['1. 0 a 0'])
    vi.advanceTimersByTime(5 * 60_000)
    await expect(batches.follow('short')).rejects.toThrow(/"short" is not kept any more/)
    // It has a page of them already.
    expect((await take(slow, 15)).at(-1)).toBe('16. 15 a 15')
    await expect(slow.next()).rejects.toThrow(NotFoundError)
    await expect(batches.begin(input(pictures('cat'), { id: 'short' }))).rejects.toThrow(ConflictError)
    // It has begun once, on a server that was stopped.
    await expect(batches.follow('before', 3)).rejects.toThrow(NotFoundError)
    expect(batches.listenerCount).toBe(0)
  })

  test('finds the newest answers kept, as far as the memory for them goes', async () => {
    // 256 pictures of 300 x 300 pixels are 69 MB.
    side = 300
    for (const id of ['first', 'second']) {
      await batches.begin(input(numbered(256), { id }))
      await answerAll()
    }
    side = 32
    await batches.begin(input(numbered(1), { id: 'third' }))
    await answerAll()
    await expect(batches.follow('first')).rejects.toThrow(/not kept any more/)
    expect(await take(await batches.follow('third'), 2)).toEqual(['1. 0 a 0', 'end'])
  })

  test.each([
    ['mine', -1],
    ['mine', 3],
    ['none yet', 257],
    ['', 0],
  ])('of %j behind %i is told that this is none', async (id, after) => {
    await batches.begin(input(pictures('cat', 'dog'), { id: 'mine' }))
    await expect(batches.follow(id, after)).rejects.toThrow(ValidationError)
    await answerAll()
  })
})
