import { once } from 'node:events'
import { rm } from 'node:fs/promises'
import { setTimeout } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import { StorageFullError } from '../errors.ts'
import type { ArtifactStore } from '../ports/artifact-store.ts'
import type { SavedCheckpoint } from '../runs/model/checkpoint.ts'
import { diskFailure } from '../storage/room.ts'
import type { CheckpointToWrite, WrittenCheckpoint } from './checkpoint-writer.ts'
import { print } from './output-lines.ts'
import type { TrainingJob } from './protocol.ts'
import type { TrainingSession } from './session.ts'
import { takeSnapshot } from './snapshot.ts'
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

/**
 * @param from   the place of the checkpoint that the run went on from; null for a beginning
 * @param saved     tells of files that are safe on disk
 */
export function createSaver(
  job: SaverJob,
  session: TrainingSession,
  store: Pick<ArtifactStore, 'stage'>,
  from: Pick<TrainerState, 'step' | 'epoch'> | null,
  saved: (checkpoint: SavedCheckpoint) => void,
): Saver {
  const { everySteps, everySeconds } = job.checkpoints
  let worker: Worker | undefined
  let last = { step: from?.step ?? 0, epoch: from?.epoch ?? 0 }
  let lastTime = performance.now()
  let busy = false
  let writing: Promise<void> = Promise.resolve()

  async function write(
    toWrite: CheckpointToWrite,
    isTested: boolean,
    files: Record<'weights' | 'state', string>,
  ): Promise<void> {
    const written = await whenRoom(async () => {
      worker ??= startWriter()
      worker.postMessage(toWrite)
      const [answer] = (await once(worker, 'message')) as [WrittenCheckpoint]
      if (!('error' in answer)) return answer
      // It needs the same room again.
      await rm(toWrite.weightsPath, { force: true })
      const { error, code } = answer
      throw Object.assign(new Error(`a checkpoint could not be saved: ${error}`), { code })
    })
    await rm(toWrite.snapshot.weightsPath, { force: true })
    const { step, epoch, evaluation, earlyStopping } = toWrite.state
    const tested = isTested ? evaluation : null
    saved({
      weights: { staged: files.weights, ...written.weights },
      state: { staged: files.state, ...written.state },
      step,
      epoch,
      testLoss: tested?.loss ?? null,
      testAccuracy: tested?.accuracy ?? null,
      bestStep: earlyStopping.best?.step ?? null,
    })
  }

  return {
    isDue(step) {
      if (busy || step === last.step) return false
      if (everySteps !== null && step - last.step >= everySteps) return true
      return everySeconds !== null && performance.now() - lastTime >= everySeconds * 1000
    },
    async save(state, isTested) {
      await writing
      if (state.step === last.step && state.epoch === last.epoch) return
      const [taken, weights, rest] = await whenRoom(async () => {
        const [snapshot, rest, weights] = [
          await store.stage(job.owner),
          await store.stage(job.owner),
          await store.stage(job.owner),
        ]
        const paths = { weights: snapshot.path, state: rest.path }
        try {
          return [await takeSnapshot(session, job.architecture, state, paths), weights, rest] as const
        } catch (error) {
          await Promise.all(Object.values(paths).map((path) => rm(path, { force: true })))
          throw error
        }
      })
      last = { step: state.step, epoch: state.epoch }
      lastTime = performance.now()
      busy = true
      writing = write(
        {
          snapshot: taken,
          state,
          batchesTracked: session.batchesTracked,
          frozenCounters: session.frozen?.counters ?? new Set(),
          architecture: job.architecture,
          metadata: job.metadata,
          weightsPath: weights.path,
        },
        isTested,
        { weights: weights.staged, state: rest.staged },
      ).finally(() => {
        busy = false
      })
      // Whoever waits next hears of it.
      writing.catch(() => {})
    },
    written: () => writing,
  }
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
