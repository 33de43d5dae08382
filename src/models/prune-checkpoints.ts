import type { PrismaClient } from '../db/generated/client.ts'
import { makingRoom } from '../storage/room.ts'
import type { WeightsKeeper } from './weights-keeper.ts'

/**
 * Removes the checkpoints of a run that neither its policy keeps nor a model version was made of, and their files. Of
 * those of epochs' ends whose test was finite are kept the `keepLatest` newest and the `keepBest` of the highest test
 * accuracy, of equal ones the later, and the best by the rule of early stopping; and of all the newest, for the run to
 * go on from, with the file of the trainer's state. As long as the run is not at its end the one before that is kept likewise: for when
 * a file of the newest turns out to be damaged. A run that was CANCELLED does not go on, and needs no state.
 *
 * @param isAtEnd  the run is about to be COMPLETED
 */
export async function pruneCheckpoints(
  prisma: PrismaClient,
  keeper: WeightsKeeper,
  runId: string,
  isAtEnd = false,
): Promise<void> {
  const run = await prisma.trainingRun.findUnique({
    where: { id: runId },
    select: {
      status: true,
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
  const { status, keepBest, keepLatest, bestStep } = run
  const checkpoints = run.checkpoints.filter((one, i, all) => one.step !== all[i - 1]?.step)
  const tested = checkpoints.filter((one) => one.testAccuracy !== null)
  const best = [...tested].sort((a, b) => b.testAccuracy! - a.testAccuracy!).slice(0, keepBest)
  const restored = checkpoints.filter((one) => one.step === bestStep)
  // Higher steps than its may be there from before checkpoints had states: the run that began anew replaces them.
  const [newest = run.checkpoints[0], spare] = run.checkpoints.filter((one) => one.stateDigest !== null)
  const kept = new Set([newest, ...tested.slice(0, keepLatest), ...best, ...restored])
  const mayGoOn = !isAtEnd && status !== 'COMPLETED' && status !== 'CANCELLED'
  if (mayGoOn && spare !== undefined) kept.add(spare)
  const dropped = run.checkpoints.filter((one) => one._count.modelVersions === 0 && !kept.has(one))
  const whole =
    status === 'CANCELLED' ? [] : [newest, spare].filter((one) => one !== undefined && kept.has(one))
  const weightsOnly = run.checkpoints.filter((one) => !whole.includes(one))
  const states = weightsOnly.flatMap(({ stateDigest }) => stateDigest ?? [])
  if (dropped.length === 0 && states.length === 0) return
  const forget = async () => {
    await prisma.checkpoint.updateMany({
      where: { id: { in: weightsOnly.map(({ id }) => id) } },
      data: { stateDigest: null },
    })
    // Asked again in the statement: a version may have been made of one meanwhile.
    await prisma.checkpoint.deleteMany({
      where: { id: { in: dropped.map(({ id }) => id) }, modelVersions: { none: {} } },
    })
  }
  await makingRoom(() => keeper.release([...dropped.map(({ digest }) => digest), ...states], forget))
}
