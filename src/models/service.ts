import type { Logger } from 'pino'
import { LOCAL, type Owned } from '../access/viewer.ts'
import type { DatasetFacts } from '../data/dataset-facts.ts'
import { isBrokenReference } from '../db/errors.ts'
import type { Model, ModelVersion, Prisma, PrismaClient } from '../db/generated/client.ts'
import { createOnce } from '../db/once.ts'
import { ConflictError, NotFoundError, ValidationError } from '../errors.ts'
import { LABEL, readLabel } from '../label.ts'
import type { ArtifactStore } from '../ports/artifact-store.ts'
import type { OpenBus } from '../ports/bus.ts'
import type { Telemetry } from '../ports/telemetry.ts'
import type { ArchitectureRegistry } from '../zoo/registry.ts'
import { createModelAliases, type GetReady, type ModelAliases } from './aliases.ts'
import type { ChangedModels } from './changed-models.ts'
import { createConverter } from './converter.ts'
import { createDownloads, type Downloads } from './downloads.ts'
import { drawFilters } from './filters.ts'
import { createModelImport, type ImportInput } from './import.ts'
import { pruneCheckpoints } from './prune-checkpoints.ts'
import { createVersionResolver, type VersionResolver } from './resolve-version.ts'
import { versionRequests } from './version-requests.ts'
import { architectureOf, createTrainedVersion } from './versions.ts'
import type { WeightsKeeper } from './weights-keeper.ts'

export interface RegisterInput {
  /** The model that gets a version; it is made if it is not there. */
  name: string
  weights: { runId: string } | { checkpointId: string }
  /** Viewer.id of who asks; the local viewer's when left out. */
  ownerId?: string
  /** The same key never makes a second version. */
  idempotencyKey?: string
}

/** Weights that are kept under names, in versions. */
export interface ModelService {
  readonly aliases: ModelAliases
  readonly changed: ChangedModels
  readonly downloads: Downloads
  /** See createModelImport. */
  import(input: ImportInput): Promise<ModelVersion>
  readonly resolve: VersionResolver
  /** Throws NotFoundError, ValidationError, or ConflictError for a run that is not COMPLETED. */
  register(input: RegisterInput): Promise<ModelVersion>
  /**
   * Deletes a version, its predictions, and its files unless its run keeps them or others have the same. Answers
   * what it was. Throws NotFoundError, or ConflictError when an alias names it.
   */
  deleteVersion(id: string): Promise<ModelVersion>
  getVersion(query: Prisma.ModelVersionFindUniqueOrThrowArgs): Promise<ModelVersion>
  findVersion(query: Prisma.ModelVersionFindUniqueArgs): Promise<ModelVersion | null>
  /** Null when there is no such version. */
  ownerOfVersion(id: string): Promise<Owned | null>
  /** A PNG of the filters of its first convolution. Throws DamagedArtifactError, NotFoundError. */
  filters(version: Pick<ModelVersion, 'id' | 'digest'>): Promise<Buffer>
  list(query: Prisma.ModelFindManyArgs): Promise<Model[]>
  count(): Promise<number>
  listVersions(query: Prisma.ModelVersionFindManyArgs): Promise<ModelVersion[]>
  countVersions(modelId: string): Promise<number>
  /** Ends what is being converted. */
  close(): Promise<void>
  get(query: Prisma.ModelFindUniqueOrThrowArgs): Promise<Model>
  find(query: Omit<Prisma.ModelFindUniqueArgs, 'where'>, name: string): Promise<Model | null>
}

export interface ModelServiceOptions {
  prisma: PrismaClient
  openBus: OpenBus
  changedModels: ChangedModels
  artifacts: ArtifactStore
  keeper: WeightsKeeper
  /** By the name of the data set. */
  facts(dataset: string): DatasetFacts | undefined
  architectures: Pick<ArchitectureRegistry, 'find' | 'using'>
  getReady: GetReady
  logger: Pick<Logger, 'info'>
  telemetry: Telemetry
}

const NOT_KEPT = 'The checkpoint is not kept any more.'
const NO_VERSION = 'There is no model version with this id.'

export function createModelService(options: ModelServiceOptions): ModelService {
  const { prisma, changedModels, artifacts, keeper, facts, architectures } = options
  const converter = createConverter(options)
  const once = createOnce<ModelVersion>(versionRequests(prisma))

  async function checkpointOf(weights: RegisterInput['weights']) {
    if ('checkpointId' in weights) {
      const checkpoint = await prisma.checkpoint.findUnique({
        where: { id: weights.checkpointId },
        include: { run: true },
      })
      // Its run is deleted first, and may have been since.
      if (checkpoint?.run) return checkpoint
      throw new NotFoundError('There is no checkpoint with this id.')
    }
    const run = await prisma.trainingRun.findUnique({ where: { id: weights.runId } })
    if (run === null) throw new NotFoundError('There is no training run with this id.')
    if (run.status !== 'COMPLETED') {
      throw new ConflictError(
        `Run #${run.number} is ${run.status}; only a COMPLETED run can be registered. Its checkpoints can: pass checkpointId.`,
      )
    }
    const checkpoint = await prisma.checkpoint.findFirst({
      // With early stopping it is not the last one, and never one whose test was not finite.
      where: { runId: run.id, step: run.bestStep ?? undefined, testAccuracy: { not: null } },
      orderBy: [{ attempt: 'desc' }, { step: 'desc' }],
    })
    if (checkpoint === null) throw new NotFoundError(NOT_KEPT)
    return { ...checkpoint, run }
  }

  /** Deletes a version's row and answers it. */
  async function forget(tx: Prisma.TransactionClient, id: string): Promise<ModelVersion> {
    const found = await tx.modelVersion.findUnique({ where: { id }, include: { aliases: true } })
    if (found === null) throw new NotFoundError(NO_VERSION)
    const { aliases, ...rest } = found
    if (aliases.length > 0) throw heldByAlias(aliases.map(({ name }) => name))
    try {
      await tx.modelVersion.delete({ where: { id } })
    } catch (error) {
      // An alias came meanwhile.
      if (isBrokenReference(error)) throw heldByAlias([])
      throw error
    }
    return rest
  }

  return {
    changed: changedModels,
    aliases: createModelAliases(prisma, options.openBus, changedModels, options.getReady),
    downloads: createDownloads({
      prisma,
      artifacts,
      architectureOf: (version) => architectureOf(version, architectures),
      exportLayersModel: converter.exportLayersModel,
    }),
    import: createModelImport({ ...options, converter, once }),
    close: converter.close,
    resolve: createVersionResolver(prisma, changedModels),
    async register({ name: asked, weights, ownerId = LOCAL, idempotencyKey: key }) {
      const name = readLabel(asked)
      if (name === null) throw new ValidationError([{ path: ['name'], message: `A name has ${LABEL}` }])
      const made = await once({ ownerId, key }, { register: name, weights }, async (remember) => {
        const { run, ...checkpoint } = await checkpointOf(weights)
        const known = facts(run.dataset)
        if (known === undefined) throw new Error(`The data set ${run.dataset} is not known to this server.`)
        try {
          return await prisma.$transaction(async (tx) =>
            remember(tx, await createTrainedVersion(tx, name, run, checkpoint, known, ownerId)),
          )
        } catch (error) {
          // Its run went on and replaced it.
          if (isBrokenReference(error)) throw new NotFoundError(NOT_KEPT)
          throw error
        }
      })
      changedModels.publish(made.modelId)
      return made
    },
    async deleteVersion(id) {
      const known = await prisma.modelVersion.findUnique({ where: { id } })
      if (known === null) throw new NotFoundError(NO_VERSION)
      const version = await keeper.release([known.digest], async () => {
        const forgotten = await prisma.$transaction((tx) => forget(tx, id))
        // Before its file goes: whoever finds that missing is not led to the version again.
        changedModels.publish(forgotten.modelId)
        return forgotten
      })
      if (version.runId !== null) await pruneCheckpoints(prisma, keeper, version.runId)
      return version
    },
    getVersion: (query) => prisma.modelVersion.findUniqueOrThrow(query),
    findVersion: (query) => prisma.modelVersion.findUnique(query),
    async ownerOfVersion(id) {
      const version = await prisma.modelVersion.findUnique({ where: { id }, include: { model: true } })
      if (version === null) return null
      return { ownerId: version.ownerId, what: `${version.model.name}/${version.version}` }
    },
    async filters({ id, digest }) {
      try {
        return await drawFilters(await artifacts.materialise(digest))
      } catch (error) {
        // The files go when the row is gone.
        if ((await prisma.modelVersion.count({ where: { id } })) > 0) throw error
        throw new NotFoundError(NO_VERSION)
      }
    },
    list: (query) => prisma.model.findMany(query),
    count: () => prisma.model.count(),
    listVersions: (query) => prisma.modelVersion.findMany(query),
    countVersions: (modelId) => prisma.modelVersion.count({ where: { modelId } }),
    get: (query) => prisma.model.findUniqueOrThrow(query),
    // A name that no model can have may not even be text that the database can compare.
    find: async (query, name) => {
      const known = readLabel(name)
      return known === null ? null : prisma.model.findUnique({ ...query, where: { name: known } })
    },
  }
}

function heldByAlias(names: string[]): ConflictError {
  const which = names.length === 0 ? 'An alias names' : `The alias ${names.join(', ')} names`
  return new ConflictError(`${which} this version. Move it or delete it first.`)
}
