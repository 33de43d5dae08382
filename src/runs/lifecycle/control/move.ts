import type { PrismaClient } from '../../../db/generated/client.ts'
import type { Journal, RunPatch } from '../../journal/journal.ts'
import type { ControlInput, ControlRequest } from '../../model/controls.ts'
import type { Run } from '../../model/run.ts'
import { QUEUE_ORDER } from '../queue.ts'
import { remembered } from './remembered.ts'

/**
 * Gives a run that waits another place in the queue, or another priority.
 * @returns false when it does not wait any more
 */
export async function moveInQueue(
  run: Pick<Run, 'id' | 'step' | 'priority'>,
  { position, priority }: Extract<ControlInput, { control: 'MOVE' }>,
  request: ControlRequest,
  { prisma, journal }: { prisma: PrismaClient; journal: Pick<Journal, 'appendIn'> },
): Promise<boolean> {
  const moved = position === undefined ? { priority, place: 0 } : await makePlace(prisma, run, position)
  return journal.appendIn('QUEUED', run.id, [{ kind: 'CONTROL_APPLIED', control: 'MOVE', step: run.step }], {
    ...moved,
    ...remembered([request]),
  })
}

/** Numbers the others so that the run fits between two of them; answers where. */
async function makePlace(
  prisma: PrismaClient,
  { id, priority }: Pick<Run, 'id' | 'priority'>,
  position: number,
): Promise<Pick<RunPatch, 'priority' | 'place'>> {
  const others = await prisma.trainingRun.findMany({
    where: { status: 'QUEUED', id: { not: id } },
    orderBy: [...QUEUE_ORDER],
    select: { id: true, priority: true },
  })
  const at = Math.min(position - 1, others.length)
  // Beside its new neighbours it has the priority of the one that it comes ahead of, or behind.
  const neighbour = others[at] ?? others[at - 1]
  const order = others.toSpliced(at, 0, { id, priority })
  const place = (index: number) => index - order.length
  await prisma.$transaction(
    order.flatMap((other, index) =>
      other.id === id
        ? []
        : [
            prisma.trainingRun.updateMany({
              where: { id: other.id, status: 'QUEUED' },
              data: { place: place(index) },
            }),
          ],
    ),
  )
  return { priority: neighbour?.priority ?? priority, place: place(at) }
}
