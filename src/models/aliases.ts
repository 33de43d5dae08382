import { randomUUID } from 'node:crypto'
import type { Owned } from '../access/viewer.ts'
import { flatMap, newestOfEach } from '../concurrency/iterate.ts'
import { createSharedReads } from '../concurrency/shared-reads.ts'
import { isBrokenReference } from '../db/errors.ts'
import type { ModelAlias, ModelVersion, Prisma, PrismaClient } from '../db/generated/client.ts'
import { ConflictError, NotFoundError, ValidationError } from '../errors.ts'
import { readLabel } from '../label.ts'
import type { OpenBus } from '../ports/bus.ts'
import { globalId, tellWebhooks } from '../webhooks/events.ts'
import type { ChangedModels } from './changed-models.ts'
import { pageOfVersion } from './versions.ts'

export interface SetAliasInput {
  versionId: string
  name: string
  /** Viewer.id of who asks, whose a new alias is; the local viewer's when left out. */
  ownerId?: string
  /** Left out: as it was; a new alias is not protected. */
  protected?: boolean
}

/** Movable names of model versions. */
export interface ModelAliases {
  /**
   * Lets an alias of the version's model name this version: at once, for everybody. A protected one stays where it
   * is unless the same call takes its protection away. Throws NotFoundError, ValidationError, ConflictError.
   */
  set(input: SetAliasInput): Promise<ModelAlias>
  /** Throws NotFoundError, or ConflictError for a protected one. */
  remove(model: string, name: string): Promise<ModelAlias>
  /** Of the alias of this name, of the version's model; null when there is none. */
  ownerOf(versionId: string, name: string): Promise<Owned | null>
  list(query: Prisma.ModelAliasFindManyArgs): Promise<ModelAlias[]>
  /** What it names now, or named when it was deleted. */
  versionOf(
    alias: Pick<ModelAlias, 'id' | 'versionId'>,
    query: Omit<Prisma.ModelVersionFindFirstArgs, 'where'>,
  ): Promise<ModelVersion>
  /** Aliases that were set, of one model or of all, each as it is when the subscriber takes it. */
  followMoves(modelId?: string): AsyncIterableIterator<ModelAlias>
  readonly listenerCount: number
}

const EVERY_MODEL = 'models'
const NO_VERSION = 'There is no model version with this id.'
const NAME = /^[A-Za-z0-9][\w.-]{0,63}$/

/** Whether an alias can have this name. */
export function isAlias(name: string): boolean {
  return NAME.test(name)
}

/**
 * Makes a version ready for those who ask by an alias, before it names the version. One that cannot be made so is named
 * nevertheless. Never rejects.
 */
export type GetReady = (versionId: string) => Promise<void>

export function createModelAliases(
  prisma: PrismaClient,
  openBus: OpenBus,
  changedModels: Pick<ChangedModels, 'publish'>,
  getReady: GetReady,
): ModelAliases {
  const moves = openBus<string>('alias moves')
  const reads = createSharedReads()

  const move = ({ versionId, name, ownerId, protected: wanted }: SetAliasInput) =>
    prisma.$transaction(async (tx) => {
      const version = await tx.modelVersion.findUnique({
        where: { id: versionId },
        include: { model: true },
      })
      if (version === null) throw new NotFoundError(NO_VERSION)
      const { modelId, model } = version
      const key = { modelId_name: { modelId, name } }
      const ifNew = randomUUID()
      // The row's lock first: of two moves at once the second sees what the first one made of it.
      const before = await tx.modelAlias.upsert({
        where: key,
        create: { id: ifNew, modelId, name, ownerId, versionId },
        update: { name },
      })
      const isNew = before.id === ifNew
      const moves = before.versionId !== versionId
      if (moves && before.protected && wanted !== false) {
        throw new ConflictError(
          `The alias ${name} of ${model.name} is protected. To move it, pass protected: false as well.`,
        )
      }
      const alias = await tx.modelAlias.update({
        where: key,
        data: { versionId, protected: wanted, movedAt: moves ? new Date() : undefined },
      })
      if (moves || isNew) {
        await tellWebhooks(tx, 'ALIAS_MOVED', {
          id: globalId('ModelAlias', alias.id),
          name,
          model: model.name,
          version: version.version,
          versionId: globalId('ModelVersion', versionId),
          previousVersionId: isNew ? null : globalId('ModelVersion', before.versionId),
          url: pageOfVersion(model.name, version.version),
        })
      }
      return alias
    })

  return {
    async set(input) {
      const { versionId, name } = input
      if (!isAlias(name)) {
        const message =
          'An alias has 1 to 64 letters, digits, ".", "_" or "-", and begins with a letter or digit.'
        throw new ValidationError([{ path: ['name'], message }])
      }
      await getReady(versionId)
      const alias = await move(input).catch((error: unknown) => {
        // It was deleted meanwhile.
        throw isBrokenReference(error) ? new NotFoundError(NO_VERSION) : error
      })
      for (const topic of [EVERY_MODEL, alias.modelId]) moves.publish(topic, alias.id)
      changedModels.publish(alias.modelId)
      return alias
    },
    async remove(modelName, name) {
      const removed = await prisma.$transaction(async (tx) => {
        const known = readLabel(modelName)
        const alias =
          known === null || !isAlias(name)
            ? null
            : await tx.modelAlias.findFirst({ where: { name, model: { name: known } } })
        if (alias === null) throw new NotFoundError(`The model ${modelName} has no alias ${name}.`)
        if (alias.protected) {
          throw new ConflictError(
            `The alias ${name} of ${modelName} is protected. Set it with protected: false first.`,
          )
        }
        return tx.modelAlias.delete({ where: { id: alias.id } })
      })
      changedModels.publish(removed.modelId)
      return removed
    },
    async ownerOf(versionId, name) {
      const where = { name, model: { versions: { some: { id: versionId } } } }
      const alias = isAlias(name)
        ? await prisma.modelAlias.findFirst({ where, include: { model: true } })
        : null
      return alias && { ownerId: alias.ownerId, what: `The alias ${name} of ${alias.model.name}` }
    },
    list: (query) => prisma.modelAlias.findMany(query),
    // By the alias in one statement: read one after the other, it may have moved, and what it named may be deleted.
    versionOf: async ({ id, versionId }, query) =>
      (await prisma.modelVersion.findFirst({ ...query, where: { aliases: { some: { id } } } })) ??
      prisma.modelVersion.findFirstOrThrow({ ...query, where: { id: versionId } }),
    followMoves(modelId = EVERY_MODEL) {
      const moved = newestOfEach((listener) =>
        moves.subscribe(modelId, (id) => {
          reads.renew(id)
          listener(id)
        }),
      )
      // One that was deleted meanwhile can't be told of.
      return flatMap(moved, ({ id }) =>
        reads.read(id, '', () => prisma.modelAlias.findMany({ where: { id } })),
      )
    },
    get listenerCount() {
      return moves.listenerCount
    },
  }
}
