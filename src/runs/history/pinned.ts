import type { PrismaClient } from '../../db/generated/client.ts'
import type { PinnedEpoch } from '../model/pinned.ts'
import { toPinnedEpoch } from '../model/run.ts'

/** What was said of the pinned pictures of a run, by epoch; of an epoch that was trained again by its attempt. */
export async function readPinned(
  prisma: Pick<PrismaClient, 'epochSummary'>,
  runId: string,
): Promise<PinnedEpoch[]> {
  const rows = await prisma.epochSummary.findMany({
    where: { runId },
    orderBy: [{ epoch: 'asc' }, { attempt: 'asc' }],
    select: { epoch: true, attempt: true, pinned: true },
  })
  return rows.map(toPinnedEpoch).filter((epoch) => epoch !== null)
}
