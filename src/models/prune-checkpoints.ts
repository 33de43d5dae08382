import type { PrismaClient } from '../db/generated/client.ts'
import type { WeightsKeeper } from './weights-keeper.ts'

/**
 * Removes the checkpoints of a run that neither its policy keeps nor a model version was made of, and their files. Of
 * those of epochs' ends, where the test was finite, are kept the `keepLatest` newest and the `keepBest` of the highest test accuracy, of equal
 * ones the later, and the best by the rule of early stopping; and of all the newest, for the run to go on from: only
 * that one needs the file of the trainer's state.
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
      bestStep: true,
      checkpoints: {
        select: {
          id: true,
          step: true,
          digest: true,
          stateDigest: true,
          testAccuracy: true,
          _count: { select: { modelVersions: true } },
        },
        // A run that was tried again trains the same steps again: the later attempt counts.
        orderBy: [{ step: 'desc' }, { attempt: 'desc' }],
      },
    },
  })
  if (run === null) return
  const { keepBest, keepLatest, bestStep } = run
  const checkpoints = run.checkpoints.filter((one, i, all) => one.step !== all[i - 1]?.step)
  const tested = checkpoints.filter((one) => one.testAccuracy !== null)
  const best = [...tested].sort((a, b) => b.testAccuracy! - a.testAccuracy!).slice(0, keepBest)
  const restored = checkpoints.filter((one) => one.step === bestStep)
  // Higher steps than its may be there from before checkpoints had states: the run that began anew replaces them.
  const newest = run.checkpoints.find((one) => one.stateDigest !== null) ?? run.checkpoints[0]
  const kept = new Set([newest, ...tested.slice(0, keepLatest), ...best, ...restored])
  const dropped = run.checkpoints.filter((one) => one._count.modelVersions === 0 && !kept.has(one))
  const older = run.checkpoints.filter((one) => one !== newest)
  const states = older.flatMap(({ stateDigest }) => stateDigest ?? [])
  if (dropped.length === 0 && states.length === 0) return
  await keeper.release([...dropped.map(({ digest }) => digest), ...states], async () => {
    await prisma.checkpoint.updateMany({
      where: { id: { in: older.map(({ id }) => id) } },
      data: { stateDigest: null },
    })
    // Asked again in the statement: a version may have been made of one meanwhile.
    await prisma.checkpoint.deleteMany({
      where: { id: { in: dropped.map(({ id }) => id) }, modelVersions: { none: {} } },
    })
  })
}
