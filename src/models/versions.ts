import * as z from 'zod'
import type { DatasetFacts } from '../data/dataset-facts.ts'
import type { Normalization } from '../data/normalization.ts'
import type { Checkpoint, ModelVersion, Prisma, TrainingRun } from '../db/generated/client.ts'
import { NotFoundError } from '../errors.ts'
import { COVER } from '../pictures/resize.ts'
import { globalId, tellWebhooks } from '../webhooks/events.ts'
import type { Architecture } from '../zoo/architecture.ts'
import { fitArchitecture } from '../zoo/fit.ts'
import type { ArchitectureRegistry } from '../zoo/registry.ts'
import { evaluationResult } from './evaluation-result.ts'
import type { Preprocessing } from './preprocessing.ts'
import { normalization, toVersion } from './version.ts'

/** What a predictor has to know of pictures for weights that a run makes. */
export function trainedPreprocessing(facts: DatasetFacts, { mean, std }: Normalization): Preprocessing {
  const [height, width] = facts.imageShape
  return { size: [height, width], resize: facts.resize ?? COVER, mean, std, labels: [...facts.classes] }
}

/** The network of a version, of its input's size and with its classes. */
export function architectureOf(
  version: ModelVersion,
  architectures: Pick<ArchitectureRegistry, 'find'>,
): Architecture {
  const { architecture: name, preprocessing } = toVersion(version)
  const architecture = architectures.find(name)
  // A network that a version uses is not deleted: the version is gone, too.
  if (architecture === undefined) {
    throw new NotFoundError(`The architecture ${name} and this version of it were deleted meanwhile.`)
  }
  const { size, labels } = preprocessing
  return fitArchitecture(architecture, [...size, 3], labels.length)
}

/** The next version of the model of this name, which is made if it is not there; webhooks are told of it. */
export async function createVersion(
  tx: Prisma.TransactionClient,
  name: string,
  version: Omit<Prisma.ModelVersionUncheckedCreateInput, 'modelId' | 'version'>,
): Promise<ModelVersion> {
  const model = await tx.model.upsert({
    where: { name },
    create: { name, newestVersion: 1 },
    update: { newestVersion: { increment: 1 } },
  })
  const made = await tx.modelVersion.create({
    data: { ...version, modelId: model.id, version: model.newestVersion },
  })
  const { id, runId, ownerId: owner, origin, architecture, dataset, accuracy, digest } = made
  await tellWebhooks(tx, 'VERSION_REGISTERED', {
    id: globalId('ModelVersion', id),
    model: name,
    version: made.version,
    owner,
    origin,
    architecture,
    dataset,
    runId: runId && globalId('TrainingRun', runId),
    accuracy,
    digest,
    url: pageOfVersion(name, made.version),
  })
  return made
}

/** Its page of the dashboard, as a path. */
export function pageOfVersion(model: string, version: number): string {
  return `/models/${encodeURIComponent(model)}/${version}`
}

/** What a version has of the settings of a run. */
const settings = z.object({ normalization })

/** A run, and what it came to if it is over. */
type EvaluatedRun = Omit<TrainingRun, 'evaluation'> & { evaluation: unknown }

/**
 * Makes a checkpoint of a run the next version of a model. When its weights are those that the run ended with, the
 * version has the run's evaluation at once.
 */
export async function createTrainedVersion(
  tx: Prisma.TransactionClient,
  name: string,
  run: EvaluatedRun,
  checkpoint: Checkpoint,
  facts: DatasetFacts,
  ownerId: string | undefined,
): Promise<ModelVersion> {
  const { normalization } = settings.parse(run.hyperparameters)
  const evaluated = evaluationOf(run, checkpoint)
  const mistakes =
    evaluated.evaluation === undefined
      ? null
      : await tx.evaluationMistakes.findUnique({ where: { runId: run.id } })
  return createVersion(tx, name, {
    ownerId,
    architecture: run.architecture,
    dataset: run.dataset,
    runId: run.id,
    checkpointId: checkpoint.id,
    accuracy: checkpoint.testAccuracy,
    bytes: checkpoint.bytes,
    digest: checkpoint.digest,
    preprocessing: { ...trainedPreprocessing(facts, normalization) },
    ...evaluated,
    mistakes: mistakes === null ? undefined : { create: { records: mistakes.records } },
  })
}

/** The run's evaluation, if it is of the same weights: those have the same loss to the last bit, and others do not. */
function evaluationOf(
  { dataset, evaluation }: EvaluatedRun,
  { testLoss, testAccuracy }: Checkpoint,
): Pick<Prisma.ModelVersionUncheckedCreateInput, 'evaluation' | 'evaluatedAt'> {
  const result = evaluationResult.nullable().parse(evaluation)
  if (result === null || testLoss === null) return {}
  if (result.loss !== testLoss || result.accuracy !== testAccuracy) return {}
  return { evaluation: { ...result, dataset }, evaluatedAt: new Date() }
}
