import { type ArtifactStore, DamagedArtifactError } from '../ports/artifact-store.ts'
import type { Architecture } from '../zoo/architecture.ts'
import { initializeWeights } from '../zoo/model.ts'
import { openSafetensors, type SafetensorsFile } from '../zoo/safetensors-file.ts'
import { loadWeights, readCounters } from '../zoo/weights.ts'
import type { TrainingJob } from './protocol.ts'
import { createTrainingSession, type TrainingSession } from './session.ts'
import { restore } from './snapshot.ts'
import { STATE_KEY, type TrainerState } from './state.ts'

type Files = Pick<ArtifactStore, 'materialise'>

/**
 * The session of a job, and where its training goes on; null for a beginning. Of checkpoints whose files are damaged it
 * tells, and takes the next older one: its steps are trained again, to the same losses.
 *
 * @throws DamagedArtifactError when the initial weights, or all checkpoints, are not what they were when they were saved
 */
export async function openSession(
  { architecture, hyperparameters, seed, from, transfer }: TrainingJob,
  store: Files,
  tell: (line: string) => void = () => {},
): Promise<{ session: TrainingSession; from: TrainerState | null }> {
  const initialize = from.length === 0 && transfer === null
  const session = createTrainingSession(architecture, hyperparameters, seed, {
    initialize,
    transfer: transfer ?? undefined,
  })
  if (from.length === 0) {
    if (transfer !== null) {
      const anew = new Set(transfer.anew)
      initializeWeights(session.model, seed, anew)
      await reading(store, transfer.weights, async (file) => {
        await loadWeights(session.model, architecture, file, anew)
        session.batchesTracked = await readCounters(architecture, file)
      })
    }
    return { session, from: null }
  }
  const damaged: string[] = []
  for (const checkpoint of from) {
    try {
      const state = await restoreFrom(checkpoint, session, architecture, store)
      return { session, from: state }
    } catch (error) {
      if (!(error instanceof DamagedArtifactError)) throw error
      damaged.push(error.message)
      tell(`The checkpoint after step ${checkpoint.step} cannot be used. ${error.message}`)
    }
  }
  throw new DamagedArtifactError(
    `The run cannot go on: ${from.length === 1 ? 'the checkpoint' : `each of the ${from.length} checkpoints`} that it could go on from is damaged. ${damaged.join(' ')} To begin with what it has learned, start a run with transfer: { from } of a checkpoint or version of it whose weights are whole; else start it anew.`,
  )
}

async function restoreFrom(
  checkpoint: TrainingJob['from'][number],
  session: TrainingSession,
  architecture: Architecture,
  store: Files,
): Promise<TrainerState> {
  const state = await reading(store, checkpoint.state, (stateFile) =>
    reading(store, checkpoint.weights, async (weights) => {
      await restore(session, architecture, weights, stateFile)
      const state = JSON.parse(stateFile.header.metadata[STATE_KEY]) as TrainerState
      const counters = await readCounters(architecture, weights)
      session.batchesTracked = new Map(
        [...counters].map(([name, count]) => [
          name,
          session.frozen?.counters.has(name) ? count : count - BigInt(state.updates),
        ]),
      )
      return state
    }),
  )
  session.stepper.updates = state.updates
  return state
}

async function reading<Result>(
  store: Files,
  digest: string,
  read: (file: SafetensorsFile) => Promise<Result>,
): Promise<Result> {
  const file = await openSafetensors(await store.materialise(digest))
  try {
    return await read(file)
  } finally {
    await file.close()
  }
}
