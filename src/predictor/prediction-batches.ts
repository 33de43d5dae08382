import { randomUUID } from 'node:crypto'
import { setMaxListeners } from 'node:events'
import type { Logger } from 'pino'
import { followRows } from '../concurrency/follow-rows.ts'
import type { ModelVersion } from '../db/generated/client.ts'
import {
  ConflictError,
  NotFoundError,
  OverloadedError,
  StoppingError,
  StorageFullError,
  ValidationError,
} from '../errors.ts'
import { isKey, KEY } from '../label.ts'
import type { VersionRef } from '../models/resolve-version.ts'
import type { ModelService } from '../models/service.ts'
import { toVersion } from '../models/version.ts'
import { UnsupportedImageError } from '../pictures/errors.ts'
import { MAX_BATCH_PICTURES } from '../pictures/limits.ts'
import type { OpenBus } from '../ports/bus.ts'
import { PredictionFailedError, PredictorUnavailableError, UnusableModelError } from './errors.ts'
import { createPictureTurns } from './picture-turns.ts'
import { type PredictInput, type PredictionService, thresholdIssues } from './predictions.ts'
import type { Predictor } from './predictor.ts'

/** A picture of a batch, which is read when its turn comes. */
export interface BatchPicture {
  /** What it takes of the memory until then. */
  bytes: number
  read(): PredictInput['image'] | Promise<PredictInput['image']>
  /** Keeps it where it is, until what this answers is called. */
  hold?(): () => void
}

export interface BatchInput {
  /** By which it can be followed. Left out, one that is stored gets an id, and another one cannot be followed. */
  id?: string
  pictures: readonly BatchPicture[]
  /** As in PredictInput: each picture is asked of the version that is meant when its turn comes. */
  model: VersionRef | null
  /** As in PredictInput. */
  threshold?: number | null
  isStored: boolean
  /** Of the span that it is asked in. */
  traceparent?: string | undefined
}

/** Why a picture of a batch has no prediction. */
const FAILURES = [
  UnsupportedImageError,
  ValidationError,
  NotFoundError,
  UnusableModelError,
  PredictionFailedError,
] as const
/** What says why as well, and is no picture's own. */
const TOLD = [PredictorUnavailableError, StorageFullError, StoppingError] as const
export type PictureFailure = InstanceType<(typeof FAILURES)[number]>

/** As `predict` makes it, or `predictAndStore`. */
export type BatchPrediction = Awaited<ReturnType<PredictionService['predict' | 'predictAndStore']>>

export interface BatchAnswer {
  /** From 1 on, in the order in which the answers came. */
  number: number
  /** Place of the picture in the batch, from 0. */
  index: number
  result: BatchPrediction | PictureFailure
}

export interface PredictionBatch {
  /** Null for one that cannot be followed. */
  readonly id: string | null
  /** How many pictures it has. */
  readonly count: number
  /** Of each picture in its place, when all have theirs. Never rejects. */
  readonly results: Promise<readonly BatchAnswer['result'][]>
}

/** Many pictures with one model, each with an answer of its own. */
export interface PredictionBatches {
  /**
   * Answers when the batch is admitted. Throws ValidationError, NotFoundError for a model that is not there, ConflictError
   * for an id that another batch has, and OverloadedError.
   * @param signal  aborted when nobody waits for it any more: what is not answered yet fails, and is not computed
   */
  begin(input: BatchInput, signal?: AbortSignal): Promise<PredictionBatch>
  /**
   * The answers of a batch as they come, each once, from its first on or behind a number; it ends with the last. Of a batch
   * that is not there yet, as soon as it is. Throws NotFoundError for one that is gone, or does not come, ValidationError.
   */
  follow(id: string, after?: number): Promise<AsyncIterableIterator<BatchAnswer>>
  readonly listenerCount: number
  /** What is not answered yet fails, so that who waits for a batch, or follows it, sees its end. */
  close(): Promise<void>
}

export interface PredictionBatchesOptions {
  openBus: OpenBus
  models: Pick<ModelService, 'resolve'>
  predictions: Pick<PredictionService, 'predict' | 'predictAndStore'>
  predictor: Pick<Predictor, 'queueDepth'>
  logger: Pick<Logger, 'error'>
}

/** Of all batches that are not answered yet: what waits lies in memory, and so does what is answered. */
const MAX_OPEN = 16
const MAX_OPEN_BYTES = 256 * 2 ** 20
/** Of all that are answered and can be followed still, but for the newest one. */
const MAX_KEPT_BYTES = 64 * 2 ** 20
const KEPT_MS = 5 * 60_000
/** For a batch that is not there yet. */
const AWAITED_MS = 60_000
/** Of batches that are gone the ids are known for a while: no other one has them, and nobody waits for them. */
const MAX_GONE = 1000
/** A promise that is longer would be no better. */
const LONGEST_MS = 600_000
/** Answers that a slow follower holds at once. */
const PAGE = 16
/** What an answer takes beside its picture and its labels, and what a label does with its probability: generously. */
const ANSWER_BYTES = 4096
const LABEL_BYTES = 200

interface Batch {
  id: string | null
  count: number
  answers: BatchAnswer[]
  /** By the place of the picture. */
  results: (BatchAnswer['result'] | undefined)[]
  /** What it may take of the memory: its answers, and its pictures until they are answered. */
  bytes: number
  pictureBytes: number
  began: number
  /** Aborted when it is given up. */
  leaving: AbortController
  /** Whether it was given up: its id is free. */
  isGivenUp: boolean
  /** Forgets it, when it has been kept long enough. */
  timer?: NodeJS.Timeout
}

export function createPredictionBatches({
  openBus,
  models,
  predictions,
  predictor,
  logger,
}: PredictionBatchesOptions): PredictionBatches {
  /** Says, by a batch's id, that there is more of it. */
  const news = openBus<void>('prediction-batches')
  const open = new Set<Batch>()
  /** That can be followed, in the order in which they were made: open ones, and those that are kept. */
  const known = new Map<string, Batch>()
  const gone = new Set<string>()
  const turns = createPictureTurns(() => predictor.queueDepth)
  let isClosed = false

  function admit({ id, pictures, isStored }: BatchInput, version: ModelVersion): Batch {
    const another = id === undefined ? undefined : known.get(id)
    if (id !== undefined && (gone.has(id) || (another !== undefined && !another.isGivenUp))) {
      throw new ConflictError(
        `There is or was a batch "${id}" already. Follow it with predictionsOf, or choose another id.`,
      )
    }
    const pictureBytes = sumOf(pictures)
    const bytes = pictures.length * answerBytes(version) + pictureBytes
    if (open.size >= MAX_OPEN || (open.size > 0 && sumOf(open) + bytes > MAX_OPEN_BYTES)) {
      const depth = [...open].reduce((sum, { count, answers }) => sum + count - answers.length, 0)
      const retryAfterMs = Math.round(Math.max(1, Math.min(LONGEST_MS, ...[...open].map(msLeft))))
      const message = `${open.size} batches with ${depth} pictures are waiting already. Try again in ${retryAfterMs} ms.`
      throw new OverloadedError(message, retryAfterMs, depth)
    }
    const batch: Batch = {
      id: id ?? (isStored ? randomUUID() : null),
      count: pictures.length,
      answers: [],
      results: Array.from({ length: pictures.length }, () => undefined),
      bytes,
      pictureBytes,
      began: performance.now(),
      leaving: new AbortController(),
      isGivenUp: false,
    }
    // Each picture that is under way listens.
    setMaxListeners(0, batch.leaving.signal)
    open.add(batch)
    if (batch.id !== null) {
      if (another !== undefined) forget(another)
      known.set(batch.id, batch)
    }
    return batch
  }

  /** Hands the pictures over, one at a time. */
  function run(
    batch: Batch,
    { pictures, model, threshold, isStored, traceparent }: BatchInput,
    answered: () => void,
  ): void {
    const waiting = pictures.map((picture) => ({ ...picture, release: picture.hold?.() })).entries()
    const { signal } = batch.leaving
    const ask = isStored ? predictions.predictAndStore : predictions.predict
    signal.addEventListener('abort', () => {
      for (const [, { release }] of waiting) release?.()
      answered()
    })
    turns.add(() => {
      const next = waiting.next()
      if (next.done) return undefined
      const [index, { read, release }] = next.value
      return async () => {
        try {
          if (batch.results[index] === undefined) {
            answer(
              batch,
              index,
              await ask({ image: await read(), model, threshold, comesAgain: true, traceparent }, signal),
            )
          }
        } catch (error) {
          if (error instanceof OverloadedError && batch.results[index] === undefined) throw error
          answer(batch, index, failureOf(error))
        }
        release?.()
        answered()
      }
    }, signal)
  }

  function answer(batch: Batch, index: number, result: BatchAnswer['result']): void {
    // Of one that was given up there may still come some.
    if (batch.results[index] !== undefined) return
    batch.results[index] = result
    batch.answers.push({ number: batch.answers.length + 1, index, result })
    if (batch.id !== null) news.publish(batch.id)
  }

  function giveUp(batch: Batch, why: string): void {
    if (!open.has(batch)) return
    batch.isGivenUp = true
    for (let index = 0; index < batch.count; index++) answer(batch, index, new PredictionFailedError(why))
    batch.leaving.abort(new PredictionFailedError(why))
  }

  function failureOf(error: unknown): PictureFailure {
    const expected = FAILURES.find((kind) => error instanceof kind)
    if (expected !== undefined) return error as PictureFailure
    if (TOLD.some((kind) => error instanceof kind)) return new PredictionFailedError((error as Error).message)
    logger.error({ err: error }, 'a picture of a batch failed')
    return new PredictionFailedError('Unexpected error. The server log says more.')
  }

  function keep(batch: Batch): void {
    if (batch.id === null) return
    batch.timer = setTimeout(() => forget(batch), KEPT_MS)
    batch.timer.unref()
    batch.bytes -= batch.pictureBytes
    const kept = [...known.values()].filter((it) => it !== batch && !open.has(it))
    let bytes = batch.bytes + sumOf(kept)
    for (const oldest of kept) {
      if (bytes <= MAX_KEPT_BYTES) break
      forget(oldest)
      bytes -= oldest.bytes
    }
  }

  function forget(batch: Batch): void {
    clearTimeout(batch.timer)
    if (batch.id === null || known.get(batch.id) !== batch) return
    known.delete(batch.id)
    if (!batch.isGivenUp) gone.add(batch.id)
    const [first] = gone
    if (gone.size > MAX_GONE) gone.delete(first!)
    // Who follows it and is slow does not keep them.
    batch.answers = []
    batch.results = []
    news.publish(batch.id)
  }

  return {
    async begin(input, signal) {
      const { id, pictures, model, threshold } = input
      const issues = [...issuesOf(id, pictures.length), ...thresholdIssues(threshold)]
      if (issues.length > 0) throw new ValidationError(issues)
      const version = await models.resolve(model)
      signal?.throwIfAborted()
      if (isClosed) throw new StoppingError()
      const batch = admit(input, version)
      const left = () =>
        giveUp(
          batch,
          'Who asked for it left before this picture was classified: nothing more of the batch is.',
        )
      signal?.addEventListener('abort', left, { once: true })
      const results = new Promise<readonly BatchAnswer['result'][]>((resolve) => {
        run(batch, input, () => {
          if (batch.answers.length < batch.count || !open.delete(batch)) return
          signal?.removeEventListener('abort', left)
          resolve(batch.results as BatchAnswer['result'][])
          keep(batch)
        })
      })
      return { id: batch.id, count: batch.count, results }
    },
    async follow(id, after = 0) {
      let batch = known.get(id)
      if (!isKey(id)) throw new ValidationError([{ path: ['batch'], message: `An id has ${KEY}` }])
      if (after < 0 || after > (batch?.count ?? MAX_BATCH_PICTURES)) {
        throw new ValidationError([
          { path: ['after'], message: 'It is no number of an answer of this batch.' },
        ])
      }
      // Some of it was there already.
      if (batch === undefined && (gone.has(id) || after > 0)) throw notKept(id)
      const latest = performance.now() + AWAITED_MS
      return followRows(
        {
          subscribe(look) {
            const detach = news.subscribe(id, look)
            const timer = setTimeout(look, AWAITED_MS + 1)
            timer.unref()
            return () => {
              clearTimeout(timer)
              detach()
            }
          },
          async read(place, take) {
            batch ??= known.get(id)
            if (batch === undefined) {
              if (performance.now() < latest) return []
              throw new NotFoundError(`There is no batch "${id}", and none came. predictMany makes it.`)
            }
            if (known.get(id) !== batch && place < batch.count) throw notKept(id)
            return batch.answers.slice(place, place + take)
          },
          placeOf: ({ number }) => number,
          isOver: async () =>
            batch !== undefined && (known.get(id) !== batch || batch.answers.length === batch.count),
        },
        after,
        PAGE,
      )
    },
    get listenerCount() {
      return news.listenerCount
    },
    async close() {
      isClosed = true
      for (const batch of open) giveUp(batch, 'The server stopped before this picture was classified.')
      for (const { timer } of known.values()) clearTimeout(timer)
    },
  }
}

function issuesOf(id: string | undefined, count: number): { path: string[]; message: string }[] {
  const issues = []
  if (count === 0) issues.push({ path: ['images'], message: 'There is no picture.' })
  if (count > MAX_BATCH_PICTURES) {
    const message = `A batch has at most ${MAX_BATCH_PICTURES} pictures, not ${count}. Send the others in another one.`
    issues.push({ path: ['images'], message })
  }
  if (id !== undefined && !isKey(id)) issues.push({ path: ['batch'], message: `An id has ${KEY}` })
  return issues
}

function notKept(id: string): NotFoundError {
  return new NotFoundError(
    `The batch "${id}" is not kept any more: its answers are for ${KEPT_MS / 60_000} minutes after the last one, or less when others need the room. What the mutation stored is in predictions.`,
  )
}

/** The picture as the network saw it, as a PNG that nothing could be saved of, and the probabilities. */
function answerBytes(version: ModelVersion): number {
  const { size, labels } = toVersion(version).preprocessing
  return ANSWER_BYTES + size[0] * size[1] * 3 + labels.length * LABEL_BYTES
}

/** What a batch will still take, by what it has taken so far. */
function msLeft({ began, count, answers }: Batch): number {
  return ((performance.now() - began) / Math.max(1, answers.length)) * (count - answers.length)
}

function sumOf(all: Iterable<{ bytes: number }>): number {
  let sum = 0
  for (const { bytes } of all) sum += bytes
  return sum
}
