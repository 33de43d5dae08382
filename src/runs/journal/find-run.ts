import type { PrismaClient, TrainingRun } from '../../db/generated/client.ts'
import { NotFoundError } from '../../errors.ts'

/** @throws NotFoundError */
export async function findRun(prisma: PrismaClient, id: string): Promise<TrainingRun> {
  const run = await prisma.trainingRun.findUnique({ where: { id } })
  if (run === null) throw noRun()
  return run
}

export function noRun(): NotFoundError {
  return new NotFoundError('There is no training run with this id.')
}
