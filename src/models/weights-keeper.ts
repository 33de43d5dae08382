import { createTurns } from '../concurrency/one-at-a-time.ts'
import { createRemovals, type Removals } from '../concurrency/removals.ts'
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

/** The rows that name files of weights, as one client or one transaction sees them. */
type Naming = Pick<PrismaClient, 'modelVersion' | 'checkpoint' | 'trainingRun'>

/** What rows say of a file of weights. */
export interface NamedWeights {
  /** The first of those that name it, for people. */
  by: string
  /** Null where no row says. */
  bytes: number | null
}

/**
 * The files of weights that rows name, by their digests.
 * @param among  all when left out
 */
export async function namedWeights(
  rows: Naming,
  among?: readonly string[],
): Promise<Map<string, NamedWeights>> {
  const digest = among === undefined ? {} : { in: [...among] }
  const run = { select: { number: true } } as const
  const versions = await rows.modelVersion.findMany({
    where: { digest },
    select: { digest: true, bytes: true, version: true, model: { select: { name: true } } },
  })
  const checkpoints = await rows.checkpoint.findMany({
    where: { digest },
    select: { digest: true, bytes: true, step: true, run },
  })
  const states = await rows.checkpoint.findMany({
    where: { stateDigest: { not: null, ...digest } },
    select: { stateDigest: true, step: true, run },
  })
  const beginnings = await rows.trainingRun.findMany({
    where: { initialDigest: { not: null, ...digest } },
    select: { initialDigest: true, number: true },
  })
  const named = new Map<string, NamedWeights>()
  const add = (of: string | null, by: string, bytes: bigint | null) => {
    if (of !== null && !named.has(of)) named.set(of, { by, bytes: bytes === null ? null : Number(bytes) })
  }
  for (const it of versions) add(it.digest, `${it.model.name}/${it.version}`, it.bytes)
  for (const it of checkpoints) {
    add(it.digest, `the checkpoint of run #${it.run.number} at step ${it.step}`, it.bytes)
  }
  for (const it of states) add(it.stateDigest, `the state of run #${it.run.number} at step ${it.step}`, null)
  for (const it of beginnings) add(it.initialDigest, `the beginning of run #${it.number}`, null)
  return named
}

/** @param removals  held while files are copied or checked */
export function createWeightsKeeper(
  prisma: PrismaClient,
  artifacts: ArtifactStore,
  removals: Removals = createRemovals(),
): WeightsKeeper {
  const alone = createTurns()

  async function settle(digests: readonly string[]): Promise<void> {
    for (const digest of digests) await artifacts.settle(digest)
  }

  /** Of files that are marked: the marks go with what they are for. */
  async function removeUnnamed(
    digests: readonly string[],
    remove: (digest: string) => Promise<void> = artifacts.remove,
  ): Promise<void> {
    const named = await namedWeights(prisma, digests)
    for (const digest of digests) if (!named.has(digest)) await remove(digest)
    // Exports and features are of versions: a run that has the file still has no use for them.
    const versions = await prisma.modelVersion.findMany({
      where: { digest: { in: [...digests] } },
      select: { digest: true },
    })
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
          // The marks say meanwhile that nobody may name them any more.
          if (!removals.postpone(() => alone(() => removeUnnamed(digests)))) await removeUnnamed(digests)
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
