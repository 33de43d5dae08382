import type { PrismaClient } from '../db/generated/client.ts'
import type { WeightsKeeper } from './weights-keeper.ts'

/**
 * Removes the checkpoints of a run that neither its policy keeps nor a model version was made of, and their files. Of
 * those of epochs' ends are kept the `keepLatest` newest and the `keepBest` of the highest test accuracy, of equal
 * ones the later; and of all the newest, for the run to go on from.
 */
export async function pruneCheckpoints(
  prisma: PrismaClient,
  keeper: WeightsKeeper,
  runId: string,
): Promise<void> {
  const run = await prisma.trainingRun.findUnique({
    where: { id: runId },
    select: {
      keepBest: true,
      keepLatest: true,
      checkpoints: {
        select: { id: true, digest: true, testAccuracy: true, _count: { select: { modelVersions: true } } },
        // A run that was tried again trains the same steps again: the later attempt counts.
        orderBy: [{ step: 'desc' }, { attempt: 'desc' }],
      },
    },
  })
  if (run === null) return
  const { checkpoints, keepBest, keepLatest } = run
  const tested = checkpoints.filter((one) => one.testAccuracy !== null)
  const best = [...tested].sort((a, b) => b.testAccuracy! - a.testAccuracy!).slice(0, keepBest)
  const kept = new Set([...checkpoints.slice(0, 1), ...tested.slice(0, keepLatest), ...best])
  const dropped = checkpoints.filter((one) => one._count.modelVersions === 0 && !kept.has(one))
  if (dropped.length === 0) return
  // Asked again in the statement: a version may have been made of one meanwhile.
  await prisma.checkpoint.deleteMany({
    where: { id: { in: dropped.map(({ id }) => id) }, modelVersions: { none: {} } },
  })
  await keeper.collect(dropped.map(({ digest }) => digest))
}
