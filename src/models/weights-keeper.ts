import { createTurns } from '../concurrency/one-at-a-time.ts'
import type { PrismaClient } from '../db/generated/client.ts'
import type { ArtifactStore, StagedArtifact } from '../ports/artifact-store.ts'

/** Keeps files of weights as long as a row names them: several rows may name one file. */
export interface WeightsKeeper {
  /**
   * Gives staged files their names and records them. While this runs no other file of weights comes or goes, so that
   * one that is being recorded is not collected as one that nobody names.
   * @param record  writes the rows that name the files; when it fails, so does this, and the files are staged as
   *   before: it may be tried again
   */
  keep<Result>(artifacts: readonly StagedArtifact[], record: () => Promise<Result>): Promise<Result>
  /** Runs a task while no file of weights comes or goes: one that it finds named stays until it has named it itself. */
  using<Result>(task: () => Promise<Result>): Promise<Result>
  /**
   * Removes those of these files that no row names any more once rows are removed. They are marked before: what a
   * server that is killed in between leaves is for the next one's sweep.
   * @param forget  removes rows that name the files
   */
  release<Result>(digests: readonly string[], forget: () => Promise<Result>): Promise<Result>
  /**
   * Removes what a killed server left: unfinished files, and those that it could not record any more. Other files that
   * no row names stay: they may be another database's. Before anything is written.
   */
  sweep(): Promise<void>
}

export function createWeightsKeeper(prisma: PrismaClient, artifacts: ArtifactStore): WeightsKeeper {
  const alone = createTurns()

  async function settle(digests: readonly string[]): Promise<void> {
    for (const digest of digests) await artifacts.settle(digest)
  }

  /** Of files that are marked: the marks go with what they are for. */
  async function removeUnnamed(
    digests: readonly string[],
    remove: (digest: string) => Promise<void> = artifacts.remove,
  ): Promise<void> {
    const query = { where: { digest: { in: [...digests] } }, select: { digest: true as const } }
    const versions = await prisma.modelVersion.findMany(query)
    const checkpoints = await prisma.checkpoint.findMany(query)
    const states = await prisma.checkpoint.findMany({
      where: { stateDigest: { in: [...digests] } },
      select: { stateDigest: true },
    })
    const beginnings = await prisma.trainingRun.findMany({
      where: { initialDigest: { in: [...digests] } },
      select: { initialDigest: true },
    })
    const named = new Set([
      ...[...versions, ...checkpoints].map(({ digest }) => digest),
      ...states.map(({ stateDigest }) => stateDigest),
      ...beginnings.map(({ initialDigest }) => initialDigest),
    ])
    for (const digest of digests) if (!named.has(digest)) await remove(digest)
    // Exports and features are of versions: a run that has the file still has no use for them.
    const exported = new Set(versions.map(({ digest }) => digest))
    for (const digest of digests) if (!exported.has(digest)) await artifacts.removeDerived(digest)
    await settle(digests)
  }

  return {
    keep: <Result>(staged: readonly StagedArtifact[], record: () => Promise<Result>) =>
      alone(async () => {
        const digests = staged.map(({ digest }) => digest)
        let result: Result
        try {
          for (const artifact of staged) await artifacts.adopt(artifact)
          result = await record()
        } catch (error) {
          // When this fails too, the marks stay for the next sweep.
          await removeUnnamed(digests, async (digest) => {
            const artifact = staged.find((it) => it.digest === digest)
            if (artifact !== undefined) await artifacts.release(artifact)
          }).catch(() => {})
          throw error
        }
        await settle(digests)
        return result
      }),
    using: alone,
    release: (digests, forget) =>
      alone(async () => {
        for (const digest of digests) await artifacts.mark(digest)
        try {
          return await forget()
        } finally {
          await removeUnnamed(digests)
        }
      }),
    sweep: () =>
      alone(async () => {
        await artifacts.tidy()
        const pending = await artifacts.pending()
        await removeUnnamed(pending)
      }),
  }
}
