import type { PrismaClient, TrainingRun } from '../../db/generated/client.ts'
import { ConflictError } from '../../errors.ts'
import type { ChangedModels } from '../../models/changed-models.ts'
import type { WeightsKeeper } from '../../models/weights-keeper.ts'
import { findRun, noRun } from '../journal/find-run.ts'
import { FINAL } from '../model/status.ts'

/**
 * Deletes a run that has ended, with its journal, its output and its checkpoints; model versions made of it stay.
 * @returns what it was
 * @throws NotFoundError, ConflictError
 */
export async function deleteRun(
  prisma: PrismaClient,
  keeper: Pick<WeightsKeeper, 'release'>,
  changedModels: Pick<ChangedModels, 'publish'>,
  id: string,
): Promise<TrainingRun> {
  const { initialDigest } = await findRun(prisma, id)
  const checkpoints = await prisma.checkpoint.findMany({ where: { runId: id } })
  const digests = [initialDigest, ...checkpoints.flatMap((it) => [it.digest, it.stateDigest])]
  const models = await prisma.model.findMany({ where: { versions: { some: { runId: id } } } })
  const deleted = await keeper.release(
    digests.filter((digest) => digest !== null),
    () =>
      prisma.$transaction(async (tx) => {
        const run = await tx.trainingRun.findUnique({ where: { id } })
        if (run === null) throw noRun()
        // Asked again in the statement: it may have been taken up again meanwhile.
        const { count } = await tx.trainingRun.deleteMany({ where: { id, status: { in: [...FINAL] } } })
        if (count > 0) return run
        throw new ConflictError(`Run #${run.number} is ${run.status}; cancel it before it is deleted.`)
      }),
  )
  // Their versions have lost it.
  for (const model of models) changedModels.publish(model.id)
  return deleted
}
