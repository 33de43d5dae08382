import type { Logger } from 'pino'
import type { DatasetStore } from '../../data/dataset.ts'
import type { Datasets } from '../../data/datasets.ts'
import type { ModelVersion, Prediction, PrismaClient } from '../../db/generated/client.ts'
import { NotFoundError, OverloadedError } from '../../errors.ts'
import type { ModelService } from '../../models/service.ts'
import type { ArchitectureRegistry } from '../../zoo/registry.ts'
import { createPictureTurns } from '../picture-turns.ts'
import { type AnyPrediction, pixelsOf, probabilitiesOf } from '../predictions.ts'
import type { Predictor } from '../predictor.ts'
import type { ClassProbability, ModelRef } from '../protocol.ts'
import { createModelRefs, failFor } from '../version-ref.ts'
import type { Nearest } from './feature-file.ts'
import type { FeatureFolders } from './feature-folders.ts'
import { drawHeatMap } from './heat-map.ts'
import type { NeighbourSearch } from './neighbours.ts'
import { occlusion } from './occlusion.ts'

export const SALIENCY_METHODS = ['GRADIENT', 'GRAD_CAM', 'OCCLUSION'] as const
export type SaliencyMethod = (typeof SALIENCY_METHODS)[number]

/** How much each pixel of what the network saw speaks for a class. */
export interface Saliency {
  method: SaliencyMethod
  class: string
  /** Of the picture as the network saw it. */
  height: number
  width: number
  /** [height, width], row by row. */
  values: Float32Array
  /** RGB bytes of what the network saw: [height, width, 3]. */
  pixels: Uint8Array
}

/** Pictures that are asked for part by part at one time. */
const MAX_OCCLUSIONS = 32
const RETRY_MS = 5000

export interface Neighbour extends Nearest {
  dataset: DatasetStore
  /** Its true class. */
  label: string
}

type Answered = AnyPrediction & Pick<Prediction, 'label' | 'probabilities'>

/** Why a model answered as it did: computed when it is asked for, and not kept. */
export interface Reasons {
  /**
   * See gradients.ts and occlusion.ts.
   * Throws NotFoundError for a class that the model does not know, OverloadedError, UnusableModelError, or the signal's
   * reason.
   */
  saliency(
    prediction: Answered,
    request: { method: SaliencyMethod; class: string },
    signal?: AbortSignal,
  ): Promise<Saliency>
  /** A PNG of a saliency over its picture. */
  draw(saliency: Saliency): Promise<Buffer>
  /**
   * The training pictures whose features are most like the picture's, nearest first.
   * @param dataset  its name; what the version learned from when left out
   * Throws NotFoundError for a data set that is not known, and as FeatureFolders and the predictor do.
   */
  neighbours(
    prediction: Answered,
    request: { first: number; dataset?: string },
    signal?: AbortSignal,
  ): Promise<Neighbour[]>
  /** Ends what is at work. */
  close(): Promise<void>
}

export interface ReasonOptions {
  prisma: PrismaClient
  models: Pick<ModelService, 'resolve'>
  architectures: Pick<ArchitectureRegistry, 'find'>
  predictor: Pick<Predictor, 'predict' | 'inspect' | 'queueDepth'>
  datasets: Pick<Datasets, 'require'>
  folders: FeatureFolders
  search: NeighbourSearch
  logger: Pick<Logger, 'error'>
}

export function createReasons(options: ReasonOptions): Reasons {
  const { models, architectures, predictor, datasets, folders, search } = options
  const refs = createModelRefs(architectures)
  const turns = createPictureTurns(() => predictor.queueDepth)
  let occlusions = 0

  /** Does a task with the model that made a prediction, and the picture that it saw. */
  async function withModel<Result>(
    prediction: Answered,
    task: (model: ModelRef, pixels: Uint8Array, version: ModelVersion) => Promise<Result>,
  ): Promise<Result> {
    const version = await models.resolve({ versionId: prediction.modelVersionId })
    const pixels = await pixelsOf(prediction)
    return task(refs.of(version), pixels, version).catch((error: unknown) => failFor(version, error, options))
  }

  /** Does a task as a picture of a batch is: when there is room beside those that are asked for one by one. */
  function inTurn<Result>(task: () => Promise<Result>, signal: AbortSignal): Promise<Result> {
    return new Promise((resolve, reject) => {
      const turn = () =>
        task().then(resolve, (error: unknown) => {
          if (error instanceof OverloadedError) throw error
          reject(error)
        })
      const left = [turn]
      turns.add(() => left.pop(), signal)
    })
  }

  async function occlude(
    model: ModelRef,
    pixels: Uint8Array,
    usual: readonly ClassProbability[],
    label: string,
    signal?: AbortSignal,
  ): Promise<Float32Array> {
    if (occlusions >= MAX_OCCLUSIONS) {
      const message = `${occlusions} pictures are being hidden part by part already. Try again later, or ask for GRADIENT.`
      throw new OverloadedError(message, RETRY_MS, occlusions)
    }
    const of = (probabilities: readonly ClassProbability[]) =>
      probabilities.find((one) => one.label === label)!.probability
    const ask = (hidden: Uint8Array, wanted: AbortSignal) =>
      inTurn(
        async () => of((await predictor.predict({ model, image: { pixels: hidden } }, wanted)).probabilities),
        wanted,
      )
    occlusions++
    try {
      return await occlusion(pixels, model.preprocessing.size, of(usual), ask, signal)
    } finally {
      occlusions--
    }
  }

  function datasetOf(version: ModelVersion, asked: string | undefined): DatasetStore {
    const name = asked ?? version.dataset
    if (name === null) {
      throw new NotFoundError(
        'It is not known what this version learned from, as it was imported: name the data set to look in.',
      )
    }
    return datasets.require(name)
  }

  return {
    saliency: (prediction, { method, class: label }, signal) =>
      withModel(prediction, async (model, pixels) => {
        const { labels, size } = model.preprocessing
        const [height, width] = size
        const index = labels.indexOf(label)
        if (index === -1) throw unknownClass(label, labels)
        const values =
          method === 'OCCLUSION'
            ? await occlude(model, pixels, probabilitiesOf(prediction), label, signal)
            : await valuesOf(
                predictor.inspect({ model, image: { pixels }, inspect: { method, class: index } }, signal),
              )
        return { method, class: label, height, width, values, pixels }
      }),
    draw: ({ pixels, values, height, width }) => drawHeatMap(pixels, values, [height, width]),
    neighbours: (prediction, { first, dataset: asked }, signal) =>
      withModel(prediction, async (model, pixels, version) => {
        const dataset = datasetOf(version, asked)
        const folder = await folders.of(model, dataset, signal)
        const features = await valuesOf(
          predictor.inspect({ model, image: { pixels }, inspect: 'features' }, signal),
        )
        const found = await search.find({ folder, features, first }, signal)
        const { labels } = await dataset.readImages(
          'train',
          found.map(({ index }) => index),
        )
        return found.map((one, i) => ({ ...one, dataset, label: dataset.facts.classes[labels[i]!]! }))
      }),
    async close() {
      await Promise.all([folders.close(), search.close()])
    },
  }
}

async function valuesOf(outcome: ReturnType<Predictor['inspect']>): Promise<Float32Array> {
  const { values } = await outcome
  return values!
}

/** As many names as one reads. */
const NAMED = 20

function unknownClass(label: string, labels: readonly string[]): NotFoundError {
  const more = labels.length > NAMED ? `, and ${labels.length - NAMED} more` : ''
  const names = labels.slice(0, NAMED).join(', ')
  return new NotFoundError(`The model has no class "${label}". It has: ${names}${more}.`)
}
