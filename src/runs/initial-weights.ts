import type { PrismaClient } from '../db/generated/client.ts'
import { ValidationError } from '../errors.ts'

/** Weights that a run can begin with. */
export type WeightsRef = { checkpointId: string } | { versionId: string }

export interface InitialWeights {
  digest: string
  architecture: string
  /** Whose classes they know. */
  dataset: string | null
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
  return { digest, architecture, dataset, parentId: runId, parentStep: checkpoint?.step ?? null }
}

function missing(message: string): ValidationError {
  return new ValidationError([{ path: ['initialWeights'], message }])
}
