import type { PrismaClient, TrainingRun } from '../../db/generated/client.ts'
import type { ArtifactStore } from '../../ports/artifact-store.ts'
import { FROZEN_PREFIX } from '../../trainer/protocol.ts'
import { FINAL } from '../model/status.ts'

/** What the frozen layers of runs made of pictures, which trainers keep beside the weights that they began with. */
export interface KeptResults {
  /** A run has ended: removes its own, unless another that has not ended may need it. */
  release(run: Pick<TrainingRun, 'initialDigest'>): Promise<void>
  /** Removes what a killed server left of runs that had ended. */
  sweep(): Promise<void>
}

export function createKeptResults(
  prisma: PrismaClient,
  artifacts: Pick<ArtifactStore, 'removeDerived'>,
): KeptResults {
  async function release({ initialDigest }: Pick<TrainingRun, 'initialDigest'>): Promise<void> {
    if (initialDigest === null) return
    const others = await prisma.trainingRun.count({
      where: { initialDigest, status: { notIn: [...FINAL] } },
    })
    // One that begins meanwhile makes it again.
    if (others === 0) await artifacts.removeDerived(initialDigest, FROZEN_PREFIX)
  }

  return {
    release,
    async sweep() {
      const ended = await prisma.trainingRun.findMany({
        where: { initialDigest: { not: null }, status: { in: [...FINAL] } },
        distinct: ['initialDigest'],
        select: { initialDigest: true },
      })
      for (const run of ended) await release(run)
    },
  }
}
