import type { ArtifactStore } from '../../artifacts/store.ts'
import { openSafetensors, type SafetensorsFile } from '../../zoo/safetensors-file.ts'
import { loadWeights } from '../../zoo/weights.ts'
import type { TrainingJob } from './protocol.ts'
import { createTrainingSession, type TrainingSession } from './session.ts'
import { restore } from './snapshot.ts'
import { STATE_KEY, type TrainerState } from './state.ts'

/**
 * The session of a job, and where its training goes on; null for a beginning.
 *
 * @throws DamagedArtifactError when a file is not what it was when it was saved
 */
export async function openSession(
  { architecture, hyperparameters, seed, from, initialWeights }: TrainingJob,
  store: Pick<ArtifactStore, 'path' | 'verify'>,
): Promise<{ session: TrainingSession; from: TrainerState | null }> {
  const initialize = from === null && initialWeights === null
  const session = createTrainingSession(architecture, hyperparameters, seed, { initialize })
  if (from === null) {
    if (initialWeights !== null) {
      await reading(store, initialWeights, (file) => loadWeights(session.model, architecture, file))
    }
    return { session, from: null }
  }
  const state = await reading(store, from.state, async (stateFile) => {
    await reading(store, from.weights, (weights) => restore(session, architecture, weights, stateFile))
    return JSON.parse(stateFile.header.metadata[STATE_KEY]) as TrainerState
  })
  session.stepper.updates = state.updates
  return { session, from: state }
}

async function reading<Result>(
  store: Pick<ArtifactStore, 'path' | 'verify'>,
  digest: string,
  read: (file: SafetensorsFile) => Promise<Result>,
): Promise<Result> {
  await store.verify(digest)
  const file = await openSafetensors(store.path(digest))
  try {
    return await read(file)
  } finally {
    await file.close()
  }
}
