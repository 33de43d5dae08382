import { once } from 'node:events'
import { rm } from 'node:fs/promises'
import { setTimeout } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import { StorageFullError } from '../errors.ts'
import type { ArtifactStore } from '../ports/artifact-store.ts'
import type { SavedCheckpoint } from '../runs/model/checkpoint.ts'
import { diskFailure } from '../storage/room.ts'
import { tf } from '../tensorflow.ts'
import type { CheckpointToWrite, WrittenFiles } from './checkpoint-files.ts'
import type { WriterAnswer } from './checkpoint-writer.ts'
import { print } from './output-lines.ts'
import type { TrainingJob } from './protocol.ts'
import type { TrainingSession } from './session.ts'
import { copyWeights, writeState } from './snapshot.ts'
import type { TrainerSpans } from './spans.ts'
import type { TrainerState } from './state.ts'

const RETRY_MS = 1000

/** Saves checkpoints beside the training. */
export interface Saver {
  /** Whether one should be saved after this step: it is time, and the last one is written. */
  isDue(step: number): boolean
  /**
   * Copies what is to be saved, if it is not; when this resolves, training may go on. Rejects when the one before failed.
   * @param isTested  the state's evaluation is of these weights, and the checkpoint one of those that are kept for it
   */
  save(state: TrainerState, isTested: boolean): Promise<void>
  /** Resolves when all is written and told. */
  written(): Promise<void>
}

type SaverJob = Pick<TrainingJob, 'architecture' | 'owner' | 'checkpoints' | 'metadata'>

/** Checkpoints that wait for being written while training goes on, where epochs are over sooner than one is: with it. */
const MOST_WAITING = 4
/** They are on the disk together. */
const MOST_WAITING_BYTES = 64 * 2 ** 20

/**
 * @param from   the place of the checkpoint that the run went on from; null for a beginning
 * @param saved     tells of files that are safe on disk
 */
export function createSaver(
  job: SaverJob,
  session: TrainingSession,
  store: Pick<ArtifactStore, 'stage'>,
  from: Pick<TrainerState, 'step' | 'epoch'> | null,
  spans: Pick<TrainerSpans, 'checkpoint'>,
  saved: (checkpoint: SavedCheckpoint) => void,
): Saver {
  const { everySteps, everySeconds, everyEpochs } = job.checkpoints
  const { architecture, metadata, owner } = job
  const atOnce = everyEpochs === 1 ? 1 : snapshotsWithin(MOST_WAITING_BYTES, session)
  let worker: Worker | undefined
  let last = { step: from?.step ?? 0, epoch: from?.epoch ?? 0 }
  let lastTime = performance.now()
  /** The last ones, each of which begins when the one before has ended, and fails when that did. */
  const writes: Promise<void>[] = []
  let underWay = 0

  async function answerTo(toWrite: CheckpointToWrite): Promise<WrittenFiles> {
    worker ??= startWriter()
    worker.postMessage(toWrite)
    const [answer] = (await once(worker, 'message')) as [WriterAnswer]
    if (!('error' in answer)) return answer
    // It needs the same room again.
    await rm(toWrite.weightsPath, { force: true })
    const { error, code } = answer
    throw Object.assign(new Error(`a checkpoint could not be saved: ${error}`), { code })
  }

  /** The same, with what never changes where the writer has it no more. */
  async function written(toWrite: CheckpointToWrite) {
    const answer = await answerTo(toWrite)
    if (!('needsFrozen' in answer)) return answer
    const { path } = await store.stage(owner)
    try {
      const frozen = await copyWeights(session, architecture, 'frozen', path)
      const again = await answerTo({ ...toWrite, frozen })
      if ('needsFrozen' in again) throw new Error('The weights of the frozen layers are not all there.')
      return again
    } finally {
      await rm(path, { force: true })
    }
  }

  async function write(
    toWrite: CheckpointToWrite,
    state: TrainerState,
    isTested: boolean,
    files: Record<'weights' | 'state', string>,
  ): Promise<void> {
    const { weights, state: rest } = await whenRoom(() => written(toWrite))
    await rm(toWrite.trained.path, { force: true })
    const { step, epoch, evaluation, earlyStopping } = state
    const tested = isTested ? evaluation : null
    saved({
      weights: { staged: files.weights, ...weights },
      state: { staged: files.state, ...rest },
      step,
      epoch,
      testLoss: tested?.loss ?? null,
      testAccuracy: tested?.accuracy ?? null,
      bestStep: earlyStopping.best?.step ?? null,
    })
  }

  return {
    isDue(step) {
      if (underWay > 0 || step === last.step) return false
      if (everySteps !== null && step - last.step >= everySteps) return true
      return everySeconds !== null && performance.now() - lastTime >= everySeconds * 1000
    },
    async save(state, isTested) {
      await writes.at(-atOnce)
      if (state.step === last.step && state.epoch === last.epoch) return
      const span = spans.checkpoint(state)
      const [trained, weights, rest] = await whenRoom(async () => {
        const [snapshot, rest, weights] = [
          await store.stage(owner),
          await store.stage(owner),
          await store.stage(owner),
        ]
        try {
          await writeState(session, state, rest.path)
          return [await copyWeights(session, architecture, 'trained', snapshot.path), weights, rest] as const
        } catch (error) {
          await Promise.all([snapshot, rest].map(({ path }) => rm(path, { force: true })))
          throw error
        }
      })
      last = { step: state.step, epoch: state.epoch }
      lastTime = performance.now()
      const toWrite: CheckpointToWrite = {
        ...{ trained, frozen: null, updates: state.updates, architecture, metadata },
        batchesTracked: session.batchesTracked,
        frozenCounters: session.frozen?.counters ?? new Set(),
        weightsPath: weights.path,
        statePath: rest.path,
      }
      underWay += 1
      const writing = Promise.resolve(writes.at(-1))
        .then(() => write(toWrite, state, isTested, { weights: weights.staged, state: rest.staged }))
        .finally(() => {
          span.end()
          underWay -= 1
        })
      // Whoever waits next hears of it.
      writing.catch(() => {})
      writes.push(writing)
      if (writes.length > MOST_WAITING) writes.shift()
    },
    written: async () => writes.at(-1),
  }
}

/** How many snapshots of a session take no more than so many bytes; 1 at least. */
function snapshotsWithin(bytes: number, { model, stepper }: TrainingSession): number {
  const tensors = [...model.trainableWeights, ...Object.values(stepper.slots).flat()]
  const values = tensors.reduce((sum, { shape }) => sum + tf.util.sizeFromShape(shape as number[]), 0)
  return Math.min(MOST_WAITING, Math.max(1, Math.floor(bytes / (values * Float32Array.BYTES_PER_ELEMENT))))
}

/**
 * Does it again as long as the disk is the reason that it can't be done: what was trained is not lost for want of room.
 * @param what  is to be written, to be told
 */
export async function whenRoom<Result>(work: () => Promise<Result>, what = 'a checkpoint'): Promise<Result> {
  for (let isTold = false; ; isTold = true) {
    try {
      return await work()
    } catch (error) {
      if (!(error instanceof StorageFullError) && diskFailure(error) === null) throw error
      if (!isTold) print(`No room for ${what}: ${(error as Error).message} It is saved when there is.`)
      await setTimeout(RETRY_MS)
    }
  }
}

function startWriter(): Worker {
  const worker = new Worker(new URL('./checkpoint-writer.js', import.meta.url), { name: 'checkpoints' })
  worker.unref()
  return worker
}
