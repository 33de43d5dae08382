import type { ModelVersion, Prisma, PrismaClient } from '../db/generated/client.ts'
import { NotFoundError } from '../errors.ts'
import { readLabel } from '../label.ts'
import { isAlias } from './aliases.ts'
import type { ChangedModels } from './changed-models.ts'

/** How a model version is named from outside. */
export type VersionRef =
  | { versionId: string }
  | { runId: string }
  | { alias: { model: string; name: string } }

/**
 * The version that is meant; null means the newest there is. Where the newest is meant, of all or of a run, it is none
 * of the avoided ones if there is another. Answers are kept until a model changes: whoever asks often asks no database.
 * Throws NotFoundError.
 */
export type VersionResolver = (ref: VersionRef | null, avoided?: ReadonlySet<string>) => Promise<ModelVersion>

const NEWEST = { seq: 'desc' } as const
/** Ways to name a version that are kept; what is behind one has less than a kilobyte. */
const MOST_KEPT = 1000

export function createVersionResolver(
  prisma: PrismaClient,
  changedModels: Pick<ChangedModels, 'listen'>,
): VersionResolver {
  /** What was read since the last change, or is being read: those who ask at once share one statement. */
  const kept = new Map<string, Promise<ModelVersion>>()
  changedModels.listen(() => kept.clear())

  async function newest(
    where: Prisma.ModelVersionWhereInput,
    avoided: ReadonlySet<string>,
  ): Promise<ModelVersion | null> {
    const id = { notIn: [...avoided] }
    const found = await prisma.modelVersion.findFirst({ where: { ...where, id }, orderBy: NEWEST })
    if (found !== null || avoided.size === 0) return found
    return prisma.modelVersion.findFirst({ where, orderBy: NEWEST })
  }

  async function newestOfAll(avoided: ReadonlySet<string>): Promise<ModelVersion> {
    const version = await newest({}, avoided)
    if (version !== null) return version
    throw new NotFoundError(
      'Nothing is trained yet. Start a run with startTrainingRun and wait until it is COMPLETED, or import weights with importModel.',
    )
  }

  async function byRun(runId: string, avoided: ReadonlySet<string>): Promise<ModelVersion> {
    const run = await prisma.trainingRun.findUnique({ where: { id: runId } })
    if (run === null) throw new NotFoundError('There is no training run with this id.')
    const version = await newest({ runId }, avoided)
    if (version === null) {
      throw new NotFoundError(
        `Run #${run.number} is ${run.status} and no model version was made of it; registerModel makes one of a checkpoint.`,
      )
    }
    return version
  }

  async function byAlias({ model, name }: { model: string; name: string }): Promise<ModelVersion> {
    // In one statement: read one after the other, the alias may have moved, and what it named may be deleted.
    const known = readLabel(model)
    const version =
      known === null || !isAlias(name)
        ? null
        : await prisma.modelVersion.findFirst({
            where: { aliases: { some: { name, model: { name: known } } } },
          })
    if (version === null) throw new NotFoundError(`There is no alias "${name}" of a model "${model}".`)
    return version
  }

  async function byId(id: string): Promise<ModelVersion> {
    const version = await prisma.modelVersion.findUnique({ where: { id } })
    if (version === null) throw new NotFoundError('There is no model version with this id.')
    return version
  }

  function read(ref: VersionRef | null, avoided: ReadonlySet<string>): Promise<ModelVersion> {
    if (ref === null) return newestOfAll(avoided)
    if ('alias' in ref) return byAlias(ref.alias)
    return 'runId' in ref ? byRun(ref.runId, avoided) : byId(ref.versionId)
  }

  return (ref, avoided = new Set()) => {
    const goesByAge = ref === null || 'runId' in ref
    const key = JSON.stringify(goesByAge ? [ref, ...avoided] : ref)
    const known = kept.get(key)
    if (known !== undefined) return known
    const reading = read(ref, avoided)
    if (kept.size >= MOST_KEPT) kept.clear()
    kept.set(key, reading)
    reading.catch(() => {
      if (kept.get(key) === reading) kept.delete(key)
    })
    return reading
  }
}
