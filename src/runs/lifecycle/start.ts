import { randomInt } from 'node:crypto'
import { LOCAL } from '../../access/viewer.ts'
import type { DatasetFacts } from '../../data/dataset-facts.ts'
import type { Datasets } from '../../data/datasets.ts'
import { isVersion, nameIn } from '../../data/reference.ts'
import { isDuplicate } from '../../db/errors.ts'
import type { PrismaClient, TrainingRun } from '../../db/generated/client.ts'
import { ConflictError, OverloadedError, TooManyRequestsError } from '../../errors.ts'
import type { WeightsKeeper } from '../../models/weights-keeper.ts'
import type { Architecture } from '../../zoo/architecture.ts'
import type { ArchitectureRegistry } from '../../zoo/registry.ts'
import { toRun } from '../model/run.ts'
import type { Dispatcher } from './dispatcher.ts'
import { findSource, sourceOf, type TransferSource, type WeightsRef } from './transfer.ts'
import { isSameRun, resolveRun, type StartRunInput, type WantedRun } from './wanted-run.ts'

const MAX_SEED = 2 ** 31 - 1

export interface StartOptions {
  prisma: PrismaClient
  keeper: Pick<WeightsKeeper, 'using'>
  dispatcher: Pick<Dispatcher, 'admit'>
  /** What a run is started with stays in the zoo. */
  architectures: Pick<ArchitectureRegistry, 'using'>
  /** The architecture as it trains on the data set, or undefined where there is no such architecture. */
  findArchitecture(name: string, dataset: string): Architecture | undefined
  /** The most parameters that a network may have to be trained. */
  maxParameters: number
  /** What a run is started with is not deleted meanwhile. */
  datasets: Pick<Datasets, 'using' | 'get' | 'whyNot'>
  /** The facts of one of these data sets, also before it is fetched. */
  datasetFacts(name: string): DatasetFacts | undefined
}

/**
 * Puts the run that is asked for into the queue.
 * @returns `isNew`: false for one that was started before under the same key
 * @throws ValidationError; ConflictError when the key was used for another run; OverloadedError; TooManyRequestsError
 */
export type StartRun = (input: StartRunInput) => Promise<{ run: TrainingRun; isNew: boolean }>

export function createStart(options: StartOptions): StartRun {
  const { prisma, keeper, dispatcher, architectures, datasets } = options

  async function begin(
    input: StartRunInput,
    source: TransferSource | null,
  ): Promise<{ run: TrainingRun; isNew: boolean }> {
    const { ownerId = LOCAL } = input
    const wanted = resolveRun(input, options, source)
    const existing = await startedBefore(input, wanted)
    if (existing !== null) return { run: existing, isNew: false }
    try {
      return { run: await dispatcher.admit(ownerId, () => create(wanted, input)), isNew: true }
    } catch (error) {
      // Two requests with one key at once: the other one was first, and may have got the last place in the queue.
      const isFull = error instanceof OverloadedError || error instanceof TooManyRequestsError
      const mayBeOther = isDuplicate(error) || isFull
      const first = mayBeOther ? await startedBefore(input, wanted) : null
      if (first === null) throw error
      return { run: first, isNew: false }
    }
  }

  /** The run that the owner of a key has started under it; null where there is none, or no key. */
  async function underKey({ ownerId = LOCAL, idempotencyKey }: StartRunInput): Promise<TrainingRun | null> {
    if (idempotencyKey === undefined) return null
    return prisma.trainingRun.findUnique({ where: { ownerId_idempotencyKey: { ownerId, idempotencyKey } } })
  }

  async function startedBefore(input: StartRunInput, wanted: WantedRun): Promise<TrainingRun | null> {
    const run = await underKey(input)
    if (run !== null && !isSameRun(toRun(run), wanted)) {
      throw new ConflictError(
        `The idempotency key "${input.idempotencyKey}" was used for another run (#${run.number}).`,
      )
    }
    return run
  }

  async function create(
    wanted: WantedRun,
    { ownerId, idempotencyKey, traceparent }: StartRunInput,
  ): Promise<TrainingRun> {
    const { source, transfer, checkpoints, hyperparameters, pinned, seed, ...named } = wanted
    return prisma.trainingRun.create({
      data: {
        ...named,
        ...checkpoints,
        hyperparameters: hyperparameters as object,
        epochs: hyperparameters.epochs,
        seed: seed ?? randomInt(MAX_SEED + 1),
        initialDigest: source?.digest,
        parentId: source?.parentId,
        parentStep: source?.parentStep,
        transfer: transfer === null ? undefined : { ...transfer },
        pinned: pinned as object[],
        ownerId,
        idempotencyKey,
        traceparent,
      },
    })
  }

  async function sourceFor(input: StartRunInput, ref: WeightsRef): Promise<TransferSource> {
    try {
      return await findSource(prisma, ref)
    } catch (error) {
      // The run that was started with this key may have outlived the checkpoint.
      const run = await underKey(input)
      const source = run && sourceOf(run)
      if (source === null) throw error
      return source
    }
  }

  const start: StartRun = (input) =>
    architectures.using(input.architecture, () =>
      datasets.using(input.dataset, async () => {
        const { transfer } = input
        if (transfer === undefined) return begin(input, null)
        // Until the run names them, too, they must not go.
        return keeper.using(async () => begin(input, await sourceFor(input, transfer.from)))
      }),
    )
  /** The same request means the version that it meant first: there may be a newer one of its data set. */
  async function asBefore(input: StartRunInput): Promise<StartRunInput> {
    const { dataset } = input
    if (isVersion(dataset)) return input
    const run = await underKey(input)
    return run !== null && nameIn(run.dataset) === dataset ? { ...input, dataset: run.dataset } : input
  }

  return async (input) => start(await asBefore(input))
}
