import { randomUUID } from 'node:crypto'
import type { DatasetStore } from '../data/dataset.ts'
import type { Split } from '../data/dataset-facts.ts'
import { DatasetUnavailableError } from '../data/errors.ts'
import type { Model, ModelVersion, Prediction, Prisma, PrismaClient } from '../db/generated/client.ts'
import { NotFoundError, ValidationError } from '../errors.ts'
import type { Architecture } from '../zoo/architecture.ts'
import { fitArchitecture } from '../zoo/fit.ts'
import type { ArchitectureRegistry } from '../zoo/registry.ts'
import { UnusableModelError } from './errors.ts'
import type { Predictor } from './predictor.ts'
import type { Preprocessing } from './preprocessing.ts'

export interface PredictInput {
  image:
    | { bytes: Uint8Array }
    | { base64: string }
    | { sample: { dataset: string; split: Split; index: number } }
  /** Null: the newest version there is. */
  model: { versionId: string } | { runId: string } | null
}

/** Classifies pictures with trained versions, and keeps the answers that are asked to be kept. */
export interface PredictionService {
  /** Throws NotFoundError, ValidationError, UnsupportedImageError, OverloadedError. Its id leads to nothing. */
  predict(input: PredictInput): Promise<Prediction>
  predictAndStore(input: PredictInput): Promise<Prediction>
  list(query: Prisma.PredictionFindManyArgs, modelVersionId?: string): Promise<Prediction[]>
  count(modelVersionId?: string): Promise<number>
  getVersion(query: Prisma.ModelVersionFindUniqueOrThrowArgs): Promise<ModelVersion>
  listModels(query: Prisma.ModelFindManyArgs): Promise<Model[]>
  countModels(): Promise<number>
}

export interface PredictionServiceOptions {
  prisma: PrismaClient
  predictor: Pick<Predictor, 'predict'>
  architectures: Pick<ArchitectureRegistry, 'find'>
  datasets: ReadonlyMap<string, DatasetStore>
}

const NEWEST = [{ createdAt: 'desc' as const }, { id: 'desc' as const }]

export function createPredictionService({
  prisma,
  predictor,
  architectures,
  datasets,
}: PredictionServiceOptions): PredictionService {
  async function predict({ image, model }: PredictInput): Promise<Prediction> {
    const started = performance.now()
    const version = await findVersion(model)
    const preprocessing = version.preprocessing as unknown as Preprocessing
    const architecture = architectureOf(version.architecture, preprocessing)
    const { probabilities, input } = await predictor.predict({
      model: { digest: version.digest, architecture, preprocessing },
      image: await read(image),
    })
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

  function architectureOf(name: string, { size, labels }: Preprocessing): Architecture {
    const architecture = architectures.find(name)
    if (architecture === undefined)
      throw new UnusableModelError(`The zoo has no architecture named "${name}".`)
    return fitArchitecture(architecture, [...size, 3], labels.length)
  }

  async function findVersion(model: PredictInput['model']): Promise<ModelVersion> {
    if (model === null) {
      const newest = await prisma.modelVersion.findFirst({ orderBy: NEWEST })
      if (newest === null) {
        throw new NotFoundError(
          'Nothing is trained yet. Start a run with startTrainingRun and wait until it is COMPLETED.',
        )
      }
      return newest
    }
    if ('versionId' in model) {
      const version = await prisma.modelVersion.findUnique({ where: { id: model.versionId } })
      if (version === null) throw new NotFoundError('There is no model version with this id.')
      return version
    }
    const run = await prisma.trainingRun.findUnique({
      where: { id: model.runId },
      include: { modelVersions: { orderBy: NEWEST, take: 1 } },
    })
    if (run === null) throw new NotFoundError('There is no training run with this id.')
    const [newest] = run.modelVersions
    if (newest === undefined) {
      throw new NotFoundError(`Run #${run.number} is ${run.status} and has no trained weights.`)
    }
    return newest
  }

  async function read(image: PredictInput['image']): Promise<{ bytes: Uint8Array } | { pixels: Uint8Array }> {
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
    await store.prepare().catch((error: unknown) => {
      throw error instanceof DatasetUnavailableError ? new NotFoundError(error.message) : error
    })
    return { pixels: (await store.readImages(split, [index])).pixels }
  }

  return {
    predict,
    async predictAndStore(input) {
      const { probabilities, ...prediction } = await predict(input)
      return prisma.prediction.create({
        data: {
          ...prediction,
          input: new Uint8Array(prediction.input),
          probabilities: probabilities as Prisma.InputJsonValue,
        },
      })
    },
    list: (query, modelVersionId) =>
      prisma.prediction.findMany({
        ...query,
        where: { modelVersionId },
        orderBy: NEWEST,
      }),
    count: (modelVersionId) => prisma.prediction.count({ where: { modelVersionId } }),
    getVersion: (query) => prisma.modelVersion.findUniqueOrThrow(query),
    listModels: (query) => prisma.model.findMany({ ...query, orderBy: NEWEST }),
    countModels: () => prisma.model.count(),
  }
}

/** @throws ValidationError for text that is not base64: Buffer would skip over what it cannot read. */
function decodeBase64(text: string): Uint8Array {
  const body = text.replace(/^data:[^,]*;base64,/, '').replace(/\s+/g, '')
  if (!/^[A-Za-z0-9+/_-]*={0,2}$/.test(body) || body === '') {
    throw new ValidationError([{ path: ['image', 'base64'], message: 'This is not base64.' }])
  }
  return Buffer.from(body, 'base64')
}
