import { randomUUID } from 'node:crypto'
import { setTimeout } from 'node:timers/promises'
import type { Logger } from 'pino'
import sharp from 'sharp'
import * as z from 'zod'
import { followRows } from '../concurrency/follow-rows.ts'
import { createSharedReads } from '../concurrency/shared-reads.ts'
import type { Split } from '../data/dataset-facts.ts'
import type { Datasets } from '../data/datasets.ts'
import { DatasetUnavailableError } from '../data/errors.ts'
import type { ModelVersion, Prediction, Prisma, PrismaClient } from '../db/generated/client.ts'
import { NotFoundError, OverloadedError, ValidationError } from '../errors.ts'
import type { VersionRef } from '../models/resolve-version.ts'
import type { ModelService } from '../models/service.ts'
import { decodeBase64 } from '../pictures/base64.ts'
import { UnsupportedImageError } from '../pictures/errors.ts'
import { encodePng } from '../pictures/image.ts'
import type { OpenBus } from '../ports/bus.ts'
import { analyze } from '../zoo/analysis.ts'
import { kindOf } from '../zoo/layers/kinds.ts'
import type { ArchitectureRegistry } from '../zoo/registry.ts'
import { NonFiniteAnswerError } from './errors.ts'
import { createKnownAnswers } from './known-answers.ts'
import type { Predictor } from './predictor.ts'
import type { ClassProbability, LayerRequest, PredictImage } from './protocol.ts'
import type { ServingStats } from './serving-stats.ts'
import { createModelRefs, failFor, VersionDeletedError } from './version-ref.ts'

export interface PredictInput {
  image:
    | { bytes: Uint8Array }
    | { base64: string }
    | { sample: { dataset: string; split: Split; index: number } }
  /** Null: the newest version that answers with finite numbers; so is a run's. */
  model: VersionRef | null
  /** 0 to 1: a picture whose most likely class is less likely is of none of the classes. */
  threshold?: number | null
  /** When there is no room, the same picture comes again: nobody is refused then. */
  comesAgain?: boolean
  /** Of the span that it is asked in. */
  traceparent?: string | undefined
}

/** A prediction with the version that made it, as it was then: it may be deleted since. */
export interface MadePrediction extends Omit<Prediction, 'seq' | 'input'> {
  modelVersion: ModelVersion
  /** The picture as the network saw it: as a PNG it costs as much as the rest, and few ask for it. */
  seen: SeenPicture
}

/** One that was stored, as it was made. */
export type StoredPrediction = Prediction & { modelVersion: ModelVersion }

/** A prediction that was stored, or one that was made and was not. */
export type AnyPrediction = Pick<Prediction, 'modelVersionId'> &
  (Pick<Prediction, 'input'> | { seen: SeenPicture })

/** A PNG of the picture of a prediction as the network saw it. */
export async function inputOf(prediction: AnyPrediction): Promise<Uint8Array> {
  return 'seen' in prediction ? encodePng(prediction.seen.pixels, prediction.seen.size) : prediction.input
}

/** RGB bytes of the picture of a prediction as the network saw it, row by row. */
export async function pixelsOf(prediction: AnyPrediction): Promise<Uint8Array> {
  if ('seen' in prediction) return prediction.seen.pixels
  return sharp(prediction.input).removeAlpha().toColourspace('srgb').raw().toBuffer()
}

export interface SeenPicture {
  /** RGB bytes, row by row. */
  pixels: Uint8Array
  /** [height, width] */
  size: [number, number]
}

const EVERY_VERSION = 'predictions'
/** Each has a picture: a reader that is slow keeps so many in memory. */
const PAGE = 16

/** An alias does not wait longer for the weights of its version: an engine that is stuck must not hold it. */
const GET_READY_MS = 30_000
/** Versions that are loaded at the start: more would only push each other out of memory. */
const MOST_WARMED = 16

/** No fault of the server or of the model. */
const REFUSALS = [OverloadedError, UnsupportedImageError, ValidationError, NotFoundError]

const storedProbabilities = z.array(z.object({ label: z.string(), probability: z.number() }))

/** Every class, most likely first: what the column of JSON of a prediction's row holds. */
export function probabilitiesOf({ probabilities }: Pick<Prediction, 'probabilities'>): ClassProbability[] {
  return storedProbabilities.parse(probabilities)
}

/** Classifies pictures with trained versions, and keeps the answers that are asked to be kept. */
export interface PredictionService {
  /**
   * Throws NotFoundError, ValidationError, UnsupportedImageError, OverloadedError. Its id leads to nothing. When the
   * version is deleted at work, and the model was named by an alias, a run or not at all, the one that is meant since is
   * asked. Rejects with the signal's reason as soon as it is aborted.
   */
  predict(input: PredictInput, signal?: AbortSignal): Promise<MadePrediction>
  predictAndStore(input: PredictInput): Promise<StoredPrediction>
  /**
   * A PNG of the feature maps that a layer makes of the picture of a prediction. Throws NotFoundError for a layer that
   * the network does not have.
   */
  activations(prediction: AnyPrediction, request: LayerRequest): Promise<Buffer>
  /**
   * Loads the weights of a version where they are not, so that its next prediction does not wait. Throws NotFoundError,
   * UnusableModelError.
   */
  warm(versionId: string): Promise<ModelVersion>
  /** The same for an alias that is about to move: it waits for a while, and throws nothing. */
  getReady(versionId: string): Promise<void>
  /** Whether its weights are in the memory of a predictor. */
  isLoaded(version: Pick<ModelVersion, 'digest'>): boolean
  /** Loads what aliases name as soon as it may, those that moved last in the end. What cannot be loaded is left out. Never rejects. */
  warmAliased(may: Promise<void>): Promise<void>
  list(query: Prisma.PredictionFindManyArgs): Promise<Prediction[]>
  count(modelVersionId?: string): Promise<number>
  /**
   * Predictions as they are stored, of one version or of all, each once and in their order: those behind a place (`seq`),
   * or from now on. Throws NotFoundError for a version that is not there, ValidationError for a place that is ahead.
   */
  follow(modelVersionId?: string, after?: number): Promise<AsyncIterableIterator<Prediction>>
  readonly listenerCount: number
}

export interface PredictionServiceOptions {
  prisma: PrismaClient
  openBus: OpenBus
  models: Pick<ModelService, 'resolve'>
  predictor: Pick<Predictor, 'predict' | 'inspect' | 'warm' | 'isLoaded'>
  /** Is told of every prediction. */
  serving: Pick<ServingStats, 'answered' | 'missed'>
  logger: Pick<Logger, 'debug' | 'error'>
  architectures: Pick<ArchitectureRegistry, 'find'>
  datasets: Pick<Datasets, 'require'>
}

/** What is wrong with the threshold of a question. */
export function thresholdIssues(threshold: number | null | undefined): { path: string[]; message: string }[] {
  if (threshold == null || (threshold >= 0 && threshold <= 1)) return []
  return [{ path: ['threshold'], message: `A confidence is from 0 to 1, not ${threshold}.` }]
}

function check({ threshold }: PredictInput): void {
  const issues = thresholdIssues(threshold)
  if (issues.length > 0) throw new ValidationError(issues)
}

export function createPredictionService({
  prisma,
  openBus,
  models,
  predictor,
  serving,
  logger,
  architectures,
  datasets,
}: PredictionServiceOptions): PredictionService {
  const answers = createKnownAnswers()
  const refs = createModelRefs(architectures)
  /** Says, by the version's id, that predictions were stored. */
  const stored = openBus<void>('predictions')
  const reads = createSharedReads()

  /**
   * Does it with the version that is meant. One that is deleted at work was the wrong one, if another is meant since.
   * Where the newest is meant, it is the newest that has an answer to give.
   */
  async function withVersion<Result>(
    model: VersionRef | null,
    task: (version: ModelVersion) => Promise<Result>,
  ): Promise<Result> {
    let deleted: string | undefined
    for (;;) {
      const version = await models.resolve(model, answers.missing)
      const wasMissing = answers.missing.has(version.id)
      try {
        const result = await task(version)
        answers.gave(version)
        return result
      } catch (error) {
        if (error instanceof NonFiniteAnswerError) {
          answers.lacked(version)
          const isNews = !wasMissing && answers.missing.has(version.id)
          const another = model === null || 'runId' in model
          if (!isNews || !another) throw error
        } else {
          const isOneVersion = model !== null && 'versionId' in model
          if (!(error instanceof VersionDeletedError) || isOneVersion || version.id === deleted) throw error
          deleted = version.id
        }
      }
    }
  }

  async function predictWith(
    version: ModelVersion,
    { image, comesAgain, threshold = null, traceparent }: PredictInput,
    started: number,
    signal?: AbortSignal,
  ): Promise<MadePrediction> {
    const answer = async () => {
      const model = refs.of(version)
      const { size } = model.preprocessing
      const request = { model, image: await read(image, size), traceparent }
      return { size, ...(await predictor.predict(request, signal)) }
    }
    const { probabilities, pixels, size, times } = await answer().catch((error: unknown) => {
      // Nobody asks for the version any more.
      signal?.throwIfAborted()
      if (!(comesAgain && error instanceof OverloadedError)) {
        const isRefused = REFUSALS.some((kind) => error instanceof kind)
        serving.missed(version.id, isRefused ? 'refused' : 'failed')
      }
      return fail(version, error)
    })
    const latencyMs = performance.now() - started
    serving.answered(version.id, latencyMs, times)
    return {
      id: randomUUID(),
      modelVersion: version,
      modelVersionId: version.id,
      label: probabilities[0].label,
      confidence: probabilities[0].probability,
      probabilities,
      threshold,
      seen: { pixels, size },
      latencyMs,
      createdAt: new Date(),
    }
  }

  const fail = (version: Pick<ModelVersion, 'id'>, error: unknown) =>
    failFor(version, error, { prisma, logger })

  /** @param size  [height, width] of the network's input */
  async function read(image: PredictInput['image'], size: [number, number]): Promise<PredictImage> {
    if ('bytes' in image) return image
    if ('base64' in image) return { bytes: decodeBase64(image.base64) }
    const { dataset, split, index } = image.sample
    const store = datasets.require(dataset)
    const count = store.facts.count[split]
    if (index < 0 || index >= count) {
      const message = `The split has the images 0 to ${count - 1}.`
      throw new ValidationError([{ path: ['image', 'sample', 'index'], message }])
    }
    const unavailable = (error: unknown): never => {
      throw error instanceof DatasetUnavailableError ? new NotFoundError(error.message) : error
    }
    await store.prepare().catch(unavailable)
    const [height, width] = store.facts.imageShape
    if (height !== size[0] || width !== size[1]) {
      return { bytes: await store.imagePng(split, index, 1).catch(unavailable) }
    }
    return { pixels: (await store.readImages(split, [index]).catch(unavailable)).pixels }
  }

  async function warm(versionId: string): Promise<ModelVersion> {
    const version = await models.resolve({ versionId })
    await predictor.warm(refs.of(version)).catch((error: unknown) => fail(version, error))
    return version
  }

  return {
    async predict(input, signal) {
      const started = performance.now()
      check(input)
      return withVersion(input.model, (version) => predictWith(version, input, started, signal))
    },
    async predictAndStore(input) {
      const started = performance.now()
      check(input)
      return withVersion(input.model, async (version) => {
        const { modelVersion, seen, ...prediction } = await predictWith(version, input, started)
        const data = {
          ...prediction,
          input: new Uint8Array(await encodePng(seen.pixels, seen.size)),
          probabilities: prediction.probabilities as Prisma.InputJsonValue,
        }
        const row = await prisma.prediction.create({ data }).catch((error: unknown) => fail(version, error))
        for (const topic of [EVERY_VERSION, version.id]) stored.publish(topic, undefined)
        return { ...row, modelVersion }
      })
    },
    async activations(prediction, inspect) {
      const version = await models.resolve({ versionId: prediction.modelVersionId })
      const model = refs.of(version)
      const layers = analyze(model.architecture).layers.filter(({ kind }) => kindOf(kind).build !== null)
      if (!layers.some(({ name }) => name === inspect.layer)) {
        const names = layers.map(({ name }) => name).join(', ')
        throw new NotFoundError(`${version.architecture} has no layer "${inspect.layer}". It has: ${names}.`)
      }
      const image = { pixels: await pixelsOf(prediction) }
      const { png } = await predictor
        .inspect({ model, image, inspect })
        .catch((error: unknown) => fail(version, error))
      return Buffer.from(png)
    },
    warm,
    async getReady(versionId) {
      const ready = new AbortController()
      const patience = setTimeout(GET_READY_MS, undefined, { ref: false, signal: ready.signal })
      await Promise.race([warm(versionId), patience])
        .catch(() => {})
        .finally(() => ready.abort())
    },
    isLoaded: ({ digest }) => predictor.isLoaded(digest),
    async warmAliased(may) {
      try {
        await may
        const aliases = await prisma.modelAlias.findMany({
          orderBy: { movedAt: 'desc' },
          take: MOST_WARMED,
          include: { version: true },
        })
        for (const { version } of aliases.toReversed()) {
          // Why it cannot be is in the log, and is told to whoever asks it.
          await predictor
            .warm(refs.of(version))
            .catch((error: unknown) => fail(version, error).catch(() => {}))
        }
      } catch (error) {
        // The server is told to stop, or its database is away: they are loaded when they are asked.
        logger.debug({ err: error }, 'what aliases name was not loaded')
      }
    },
    list: (query) => prisma.prediction.findMany(query),
    count: (modelVersionId) => prisma.prediction.count({ where: { modelVersionId } }),
    async follow(modelVersionId, after) {
      if (modelVersionId !== undefined) await models.resolve({ versionId: modelVersionId })
      const newest = await prisma.counter.findUnique({ where: { name: 'Prediction' } })
      const last = newest?.value ?? 0
      if (after !== undefined && after > last) {
        const message = 'The cursor is ahead of all predictions: it belongs to another server.'
        throw new ValidationError([{ path: ['after'], message }])
      }
      const topic = modelVersionId ?? EVERY_VERSION
      return followRows(
        {
          shared: { reads, topic },
          subscribe: (look) => stored.subscribe(topic, look),
          read: (place, take) =>
            prisma.prediction.findMany({
              where: { modelVersionId, seq: { gt: place } },
              orderBy: { seq: 'asc' },
              take,
            }),
          placeOf: ({ seq }) => seq,
        },
        after ?? last,
        PAGE,
      )
    },
    get listenerCount() {
      return stored.listenerCount
    },
  }
}
