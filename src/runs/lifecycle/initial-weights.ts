import { isDeepStrictEqual } from 'node:util'
import type { PrismaClient, TrainingRun } from '../../db/generated/client.ts'
import { ValidationError } from '../../errors.ts'
import { toVersion } from '../../models/version.ts'
import type { Architecture } from '../../zoo/architecture.ts'
import { fitArchitecture } from '../../zoo/fit.ts'
import { torchTensors } from '../../zoo/torch-layout.ts'

/** Weights that a run can begin with. */
export type WeightsRef = { checkpointId: string } | { versionId: string }

export interface InitialWeights {
  digest: string
  architecture: string
  /** Whose classes they know. */
  dataset: string | null
  /** The pictures and classes that their network is for; null where those are the data set's. */
  pictures: { size: [number, number]; classes: number } | null
  /** The run that made them, and the steps it had trained; null for what was imported. */
  parentId: string | null
  parentStep: number | null
}

/** @throws ValidationError when there are none */
export async function findInitialWeights(prisma: PrismaClient, ref: WeightsRef): Promise<InitialWeights> {
  if ('checkpointId' in ref) {
    const found = await prisma.checkpoint.findUnique({
      where: { id: ref.checkpointId },
      include: { run: true },
    })
    if (found === null) throw missing('There is no checkpoint with this id; it may not be kept any more.')
    const { run, digest, step } = found
    return {
      digest,
      architecture: run.architecture,
      dataset: run.dataset,
      pictures: null,
      parentId: run.id,
      parentStep: step,
    }
  }
  const found = await prisma.modelVersion.findUnique({
    where: { id: ref.versionId },
    include: { checkpoint: true },
  })
  if (found === null) throw missing('There is no model version with this id.')
  const { digest, architecture, dataset, runId, checkpoint } = found
  const { size, labels } = toVersion(found).preprocessing
  return {
    digest,
    architecture,
    dataset,
    pictures: { size, classes: labels.length },
    parentId: runId,
    parentStep: checkpoint?.step ?? null,
  }
}

/** Those that a run began with: it keeps their file, also when the checkpoint is gone that it was asked for by. */
export function initialWeightsOf(run: TrainingRun): InitialWeights | null {
  const { initialDigest: digest, architecture, dataset, parentId, parentStep } = run
  return digest === null ? null : { digest, architecture, dataset, pictures: null, parentId, parentStep }
}

/** Why weights do not fit into the network of a run on a data set; null when they do. */
export function whyNotInitial({ pictures }: InitialWeights, architecture: Architecture): string | null {
  if (pictures === null) return null
  const { size, classes } = pictures
  const theirs = torchTensors(fitArchitecture(architecture, [...size, 3], classes))
  const wrong = torchTensors(architecture).find(({ shape }, i) => !isDeepStrictEqual(shape, theirs[i]?.shape))
  if (wrong === undefined) return null
  const [height, width] = architecture.inputShape
  return `These weights are for ${classes} classes and pictures of ${size.join('x')}, not for ${architecture.classes} and ${height}x${width}: ${wrong.name} has another shape.`
}

function missing(message: string): ValidationError {
  return new ValidationError([{ path: ['initialWeights'], message }])
}
