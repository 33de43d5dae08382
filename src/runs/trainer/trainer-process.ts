/** The process of one training run: started by the server, ends with the run. */
import { rm } from 'node:fs/promises'
import { setPriority } from 'node:os'
import { openArtifactStore } from '../../artifacts/store.ts'
import { DamagedDatasetError } from '../../data/errors.ts'
import { loadDataset } from '../../data/load.ts'
import { EngineUnavailableError } from '../../engine/engine-unavailable-error.ts'
import { selectEngine } from '../../engine/select.ts'
import { dieWithParent } from '../../process/lifeline.ts'
import { memoryBytes } from '../../process/memory.ts'
import { connectToParent } from '../../process/parent.ts'
import { saveWeights } from '../../zoo/weights.ts'
import { isOutOfMemory, type RunFailure } from '../failure.ts'
import { createPinnedWatcher } from './pinned.ts'
import type { FromTrainer, ToTrainer, TrainingJob } from './protocol.ts'
import { createReporter } from './reporter.ts'
import { createTrainingSession, type TrainingSession } from './session.ts'
import { datasetLine, engineLine, epochLine, networkLine, say } from './spoken.ts'
import { countSteps, train } from './train.ts'

/** Training takes every core it gets; the server and a predict next to it come first. */
const NICE = 10

dieWithParent()
setPriority(NICE)

let cancelled = false
const parent = connectToParent<ToTrainer, FromTrainer>((message) => {
  if (message.type === 'cancel') cancelled = true
  else
    run(message.job)
      .catch((error: unknown) => ({ type: 'failed', failure: failureOf(error) }) as const)
      .then((ending) => parent.send(ending))
      .then(() => process.exit(0))
})

async function run(job: TrainingJob): Promise<FromTrainer> {
  const engine = await selectEngine(job.engine)
  say(engineLine(engine))
  const dataset = await loadDataset(job.datasetFile)
  say(datasetLine(dataset, job.hyperparameters))
  if (cancelled) return { type: 'cancelled', step: 0 }
  const session = createTrainingSession(job.architecture, job.hyperparameters, job.seed)
  const steps = countSteps(job.hyperparameters, dataset.train.count).total
  say(networkLine(job.architecture, steps, job.hyperparameters.epochs))
  await parent.send({ type: 'started', engine, steps })

  const watchPinned = createPinnedWatcher(
    session.model,
    dataset,
    job.pinned,
    job.hyperparameters.normalization,
  )
  const reporter = createReporter((message) => void parent.send(message))
  const outcome = await train(job, dataset, session, {
    point: reporter.point,
    progress: reporter.progress,
    async epoch(summary, evaluation, progress) {
      reporter.flush()
      say(epochLine(summary, job.hyperparameters.epochs))
      void parent.send({ type: 'epoch', summary, pinned: await watchPinned(), progress })
      const savingStarted = performance.now()
      const file = await save(job, session)
      session.phases.add('saving', performance.now() - savingStarted)
      // Saving needs time and memory too.
      const after = { ...progress, ...memoryBytes(), phases: session.phases.seconds() }
      void parent.send({ type: 'progress', progress: after })
      const { loss: testLoss, accuracy: testAccuracy } = evaluation
      const { step } = progress
      await parent.send({
        type: 'saved',
        weights: { ...file, step, epoch: summary.epoch, testLoss, testAccuracy },
      })
    },
    cancelled: () => cancelled,
  })
  reporter.flush()
  switch (outcome.kind) {
    case 'cancelled':
      return { type: 'cancelled', step: outcome.step }
    case 'notFinite':
      return {
        type: 'failed',
        failure: {
          code: 'LOSS_NOT_FINITE',
          message: `The loss became ${outcome.loss} at step ${outcome.step}. Use a lower learningRate.`,
        },
      }
    case 'trained':
      return { type: 'completed', evaluation: outcome.evaluation }
  }
}

async function save({ architecture, artifactsFolder, metadata }: TrainingJob, { model }: TrainingSession) {
  const { staged, path } = await openArtifactStore(artifactsFolder).stage()
  try {
    return { staged, ...(await saveWeights(model, architecture, path, metadata)) }
  } catch (error) {
    await rm(path, { force: true })
    throw error
  }
}

function failureOf(error: unknown): RunFailure {
  if (error instanceof EngineUnavailableError) return { code: 'ENGINE_UNAVAILABLE', message: error.message }
  if (error instanceof DamagedDatasetError) return { code: 'DATASET_UNAVAILABLE', message: error.message }
  const message = error instanceof Error ? error.message : String(error)
  if (isOutOfMemory(message)) {
    return {
      code: 'OUT_OF_MEMORY',
      message: `The trainer ran out of memory (${message}). Use a smaller batchSize or architecture.`,
    }
  }
  process.stderr.write(`${error instanceof Error ? error.stack : message}\n`)
  return { code: 'INTERNAL_ERROR', message: `The trainer failed: ${message}` }
}
