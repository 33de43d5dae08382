import type { Logger } from 'pino'
import type { DatasetStore } from '../data/dataset.ts'
import type { Datasets } from '../data/datasets.ts'
import { DatasetUnavailableError } from '../data/errors.ts'
import { DEFAULT_DATASET } from '../data/registry.ts'
import { isMissing } from '../db/errors.ts'
import type { ModelVersion, Prisma, PrismaClient } from '../db/generated/client.ts'
import { ConflictError, NotFoundError, ValidationError } from '../errors.ts'
import type { ChangedModels } from '../models/changed-models.ts'
import type { StoredEvaluation } from '../models/evaluation-result.ts'
import type { ModelService } from '../models/service.ts'
import { failFor, refOf } from '../predictor/version-ref.ts'
import type { ArchitectureRegistry } from '../zoo/registry.ts'
import type { ModelEvaluator } from './evaluator.ts'

export interface EvaluateInput {
  versionId: string
  /** What it learned from when left out, or the default one. */
  dataset?: string
  /** Only the first so many test images. */
  limit?: number
}

/** Shows model versions the test images of a data set, and keeps what comes of it. */
export interface EvaluationService {
  /**
   * Answers the version with its new evaluation.
   * Throws NotFoundError, ValidationError, ConflictError when the version has other classes than the data set,
   * UnusableModelError, OverloadedError.
   */
  evaluate(input: EvaluateInput): Promise<ModelVersion>
  /** Every mistake of the evaluation of a run or of a version (mistakes.ts); null where they were not kept. */
  mistakes(of: EvaluatedThing): Promise<Uint8Array | null>
}

/** What has an evaluation. */
export type EvaluatedThing = { runId: string } | { modelVersionId: string }

export function createEvaluationService(options: {
  prisma: PrismaClient
  /** @throws StorageFullError where an evaluation could not be kept */
  checkRoom(): void
  models: Pick<ModelService, 'resolve'>
  evaluator: Pick<ModelEvaluator, 'evaluate'>
  architectures: Pick<ArchitectureRegistry, 'find'>
  datasets: Pick<Datasets, 'require'>
  changedModels: Pick<ChangedModels, 'publish'>
  logger: Pick<Logger, 'error'>
}): EvaluationService {
  const { prisma, models, evaluator, architectures, datasets, changedModels } = options
  return {
    async evaluate({ versionId, dataset, limit }) {
      const version = await models.resolve({ versionId })
      const store = datasets.require(dataset ?? version.dataset ?? DEFAULT_DATASET)
      const { name } = store.facts
      if (limit !== undefined && (limit < 1 || limit > store.facts.count.test)) {
        const message = `From 1 to ${store.facts.count.test}, the test images of ${name}.`
        throw new ValidationError([{ path: ['limit'], message }])
      }
      const model = refOf(version, architectures)
      checkLabels(model.preprocessing.labels, store)
      // Before minutes of work.
      options.checkRoom()
      const { result, mistakes } = await store
        .using(({ file, digest }) =>
          evaluator.evaluate({
            datasetFile: file,
            datasetDigest: digest,
            model,
            limit: limit ?? null,
          }),
        )
        .catch((error: unknown) => {
          if (error instanceof DatasetUnavailableError) throw new NotFoundError(error.message)
          return failFor(version, error, options)
        })
      const evaluation: StoredEvaluation = { ...result, dataset: name }
      const records = new Uint8Array(mistakes)
      const evaluated = await prisma.modelVersion
        .update({
          where: { id: version.id },
          data: {
            evaluation: { ...evaluation } satisfies Prisma.InputJsonObject,
            evaluatedAt: new Date(),
            mistakes: { upsert: { create: { records }, update: { records } } },
          },
        })
        .catch((error: unknown) => {
          if (!isMissing(error)) throw error
          throw new NotFoundError('The model version was deleted while it was evaluated.')
        })
      changedModels.publish(evaluated.modelId)
      return evaluated
    },
    async mistakes(of) {
      const row = await prisma.evaluationMistakes.findUnique({ where: of })
      return row?.records ?? null
    },
  }
}

/** @throws ConflictError that names the first difference: outputs in another order would be counted as mistakes. */
function checkLabels(labels: readonly string[], { facts }: DatasetStore): void {
  const { name, classes } = facts
  const other = classes.findIndex((label, i) => labels[i] !== label)
  if (labels.length === classes.length && other < 0) return
  const what =
    labels.length === classes.length
      ? `its output ${other} is "${labels[other]}" and not "${classes[other]}"`
      : `it has ${labels.length} classes and not ${classes.length}`
  throw new ConflictError(
    `This version cannot be evaluated on ${name}: ${what}. The labels of a version must be the data set's classes in their order.`,
  )
}
