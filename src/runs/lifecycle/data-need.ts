import type { PrismaClient } from '../../db/generated/client.ts'
import { LIFECYCLE, STATUSES } from '../model/status.ts'

/** As many as one reads. */
const NAMED = 5

/** Statuses of runs that train, will train, or may be resumed as they are. */
const NEEDY = STATUSES.filter((status) => {
  const { byItself, RESUME } = LIFECYCLE[status]
  return byItself.length > 0 || RESUME !== null
})

/** Runs that cannot go on without one of these data sets, in words; none when none needs them. */
export async function runsThatNeed(prisma: PrismaClient, datasets: readonly string[]): Promise<string[]> {
  const where = { dataset: { in: [...datasets] }, status: { in: NEEDY } }
  const runs = await prisma.trainingRun.findMany({ where, orderBy: { number: 'asc' }, take: NAMED })
  const more = runs.length < NAMED ? 0 : (await prisma.trainingRun.count({ where })) - NAMED
  return [
    ...runs.map(({ number, status }) => `run #${number} (${status})`),
    ...(more > 0 ? [`${more} more runs`] : []),
  ]
}
