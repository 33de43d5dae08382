import { randomUUID } from 'node:crypto'
import type { Logger } from 'pino'
import sharp from 'sharp'
import type { DatasetStore } from '../data/dataset.ts'
import type { Split } from '../data/dataset-facts.ts'
import { DatasetUnavailableError } from '../data/errors.ts'
import type { ModelVersion, Prediction, Prisma, PrismaClient } from '../db/generated/client.ts'
import { NotFoundError, ValidationError } from '../errors.ts'
import type { ModelService, VersionRef } from '../models/service.ts'
import { analyze } from '../zoo/analysis.ts'
import type { ArchitectureRegistry } from '../zoo/registry.ts'
import { decodeBase64 } from './base64.ts'
import { NonFiniteAnswerError } from './errors.ts'
import { createKnownAnswers } from './known-answers.ts'
import type { Predictor } from './predictor.ts'
import type { LayerRequest, PredictImage } from './protocol.ts'
import { failFor, refOf } from './version-ref.ts'

export interface PredictInput {
  image:
    | { bytes: Uint8Array }
    | { base64: string }
    | { sample: { dataset: string; split: Split; index: number } }
  /** Null: the newest version that answers with finite numbers; so is a run's. */
  model: VersionRef | null
}

/** Classifies pictures with trained versions, and keeps the answers that are asked to be kept. */
export interface PredictionService {
  /** Throws NotFoundError, ValidationError, UnsupportedImageError, OverloadedError. Its id leads to nothing. */
  predict(input: PredictInput): Promise<Prediction>
  predictAndStore(input: PredictInput): Promise<Prediction>
  /**
   * A PNG of the feature maps that a layer makes of the picture of a prediction. Throws NotFoundError for a layer that
   * the network does not have.
   */
  activations(
    prediction: Pick<Prediction, 'modelVersionId' | 'input'>,
    request: LayerRequest,
  ): Promise<Buffer>
  list(query: Prisma.PredictionFindManyArgs, modelVersionId?: string): Promise<Prediction[]>
  count(modelVersionId?: string): Promise<number>
}

export interface PredictionServiceOptions {
  prisma: PrismaClient
  models: Pick<ModelService, 'resolve'>
  predictor: Pick<Predictor, 'predict'>
  logger: Pick<Logger, 'error'>
  architectures: Pick<ArchitectureRegistry, 'find'>
  datasets: ReadonlyMap<string, DatasetStore>
}

export function createPredictionService({
  prisma,
  models,
  predictor,
  logger,
  architectures,
  datasets,
}: PredictionServiceOptions): PredictionService {
  const answers = createKnownAnswers()

  /** Where the newest version is meant, it is the newest that has an answer to give. */
  async function predict({ image, model }: PredictInput): Promise<Prediction> {
    for (;;) {
      const version = await models.resolve(model, answers.missing)
      const wasMissing = answers.missing.has(version.id)
      try {
        const prediction = await predictWith(version, image)
        answers.gave(version)
        return prediction
      } catch (error) {
        if (!(error instanceof NonFiniteAnswerError)) throw error
        answers.lacked(version)
        const isNews = !wasMissing && answers.missing.has(version.id)
        const another = model === null || 'runId' in model
        if (!isNews || !another) throw error
      }
    }
  }

  async function predictWith(version: ModelVersion, image: PredictInput['image']): Promise<Prediction> {
    const started = performance.now()
    const ref = refOf(version, architectures)
    const { probabilities, input } = await predictor
      .predict({ model: ref, image: await read(image, ref.preprocessing.size) })
      .catch((error: unknown) => fail(version, error))
    return {
      id: randomUUID(),
      modelVersionId: version.id,
      label: probabilities[0].label,
      confidence: probabilities[0].probability,
      probabilities: probabilities as unknown as Prisma.JsonValue,
      input: new Uint8Array(input),
      latencyMs: performance.now() - started,
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
    const store = datasets.get(dataset)
    if (store === undefined)
      throw new NotFoundError(`There is no data set "${dataset}". The query datasets lists them.`)
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

  return {
    predict,
    async predictAndStore(input) {
      const { probabilities, ...prediction } = await predict(input)
      const data = {
        ...prediction,
        input: new Uint8Array(prediction.input),
        probabilities: probabilities as Prisma.InputJsonValue,
      }
      return prisma.prediction
        .create({ data })
        .catch((error: unknown) => fail({ id: prediction.modelVersionId }, error))
    },
    async activations({ modelVersionId, input }, inspect) {
      const version = await models.resolve({ versionId: modelVersionId })
      const model = refOf(version, architectures)
      const layers = analyze(model.architecture).layers.filter(({ kind }) => kind !== 'SOFTMAX')
      if (!layers.some(({ name }) => name === inspect.layer)) {
        const names = layers.map(({ name }) => name).join(', ')
        throw new NotFoundError(`${version.architecture} has no layer "${inspect.layer}". It has: ${names}.`)
      }
      const pixels = await sharp(input).removeAlpha().toColourspace('srgb').raw().toBuffer()
      const answer = await predictor
        .predict({ model, image: { pixels }, inspect })
        .catch((error: unknown) => fail(version, error))
      return answer.input
    },
    list: (query, modelVersionId) =>
      prisma.prediction.findMany({
        ...query,
        where: { modelVersionId },
        orderBy: [{ createdAt: 'desc' }, { id: 'desc' }],
      }),
    count: (modelVersionId) => prisma.prediction.count({ where: { modelVersionId } }),
  }
}
