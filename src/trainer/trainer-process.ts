/** The process of one training run: started by the server, ends with the run. */
import { setPriority } from 'node:os'
import { openArtifactStore } from '../adapters/local/artifact-store.ts'
import { openTracing } from '../adapters/tracing/open.ts'
import { openBatches } from '../data/dataset-batches.ts'
import { DamagedDatasetError } from '../data/errors.ts'
import { EngineUnavailableError } from '../engine/engine-unavailable-error.ts'
import { selectEngine } from '../engine/select.ts'
import { DamagedArtifactError } from '../ports/artifact-store.ts'
import { dieWithParent } from '../process/lifeline.ts'
import { memoryBytes } from '../process/memory.ts'
import { connectToParent } from '../process/parent.ts'
import { latestHyperparameters } from '../runs/model/changes.ts'
import { failureOfNotFinite, isOutOfMemory, type RunFailure } from '../runs/model/failure.ts'
import { classWeightsOf } from './class-weights.ts'
import { openFrozenResults } from './frozen-results.ts'
import { datasetLine, engineLine, epochLine, networkLine, print } from './output-lines.ts'
import { createPinnedWatcher } from './pinned.ts'
import type { FromTrainer, ToTrainer, TrainerEnding, TrainingJob } from './protocol.ts'
import { createReporter } from './reporter.ts'
import { createRequests, type Requests } from './requests.ts'
import { openSession } from './resume.ts'
import { createSaver } from './saver.ts'
import type { TrainingSession } from './session.ts'
import { createTrainerSpans, type TrainerSpans } from './spans.ts'
import type { TrainerState } from './state.ts'
import { countSteps, type TrainingOutcome, train } from './train.ts'

/** Training takes every core it gets; the server and a predict next to it come first. */
const NICE = 10

dieWithParent()
setPriority(NICE)

const requests = createRequests()
const parent = connectToParent<ToTrainer, FromTrainer>((message) => {
  if (message.type !== 'train') requests.take(message)
  else void work(message.job)
})

async function work(job: TrainingJob): Promise<void> {
  const tracing = await openTracing(job.traceparent !== undefined, { process: 'trainer' })
  const spans = createTrainerSpans(tracing, job.traceparent)
  const ending = await run(job, requests, spans).catch(
    (error: unknown) => ({ type: 'failed', failure: failureOf(error) }) as const,
  )
  spans.close(ending.type === 'failed' ? ending.failure : undefined)
  await parent.send(ending)
  await tracing.close()
  process.exit(0)
}

async function run(job: TrainingJob, { apply, free }: Requests, spans: TrainerSpans): Promise<TrainerEnding> {
  spans.part('prepare')
  const engine = await selectEngine(job.engine)
  print(engineLine(engine))
  const dataset = await openBatches(job.datasetFile, job.datasetDigest)
  print(datasetLine(dataset, job.hyperparameters))
  const store = openArtifactStore(job.artifactsFolder)
  const { session, from } = await openSession(job, store, print)
  const { classWeights, trainLimit } = job.hyperparameters
  if (classWeights !== null) {
    const { labels } = await dataset.images('train')
    const used = labels.subarray(0, trainLimit ?? labels.length)
    session.loss.classWeights = classWeightsOf(classWeights, used, job.architecture.classes)
  }
  const fromStep = from?.step ?? 0
  const latest = () => latestHyperparameters(job.hyperparameters, job.changes)
  const totalSteps = () => countSteps(latest(), dataset.count.train).total
  print(networkLine(job.architecture, totalSteps(), latest().epochs))
  if (from !== null) print(`Goes on after step ${fromStep}.`)
  await parent.send({ type: 'started', engine, fromStep, steps: totalSteps() })

  const send = (message: FromTrainer) => void parent.send(message)
  const watchPinned = await createPinnedWatcher(
    session.model,
    dataset,
    job.pinned,
    job.hyperparameters.normalization,
  )
  const reporter = createReporter(send)
  const saver = createSaver(job, session, store, from, spans, (checkpoint) =>
    send({ type: 'saved', checkpoint }),
  )
  const { everyEpochs } = job.checkpoints
  if (everyEpochs > 1) {
    const others = everyEpochs < latest().epochs ? `, and of the others one in ${everyEpochs}` : ''
    print(`An epoch is over sooner than a checkpoint is written: the best and the last are saved${others}.`)
  }
  const save = async (state: TrainerState, isTested: boolean) => {
    const started = performance.now()
    await saver.save(state, isTested)
    session.phases.add('saving', performance.now() - started)
  }
  const applyRequests = (place: Pick<TrainerState, 'step' | 'epoch'>) =>
    apply(place, job, (answer) => {
      // What was trained before the change is told before it.
      reporter.flush()
      send(answer.type === 'updated' ? { ...answer, steps: totalSteps() } : answer)
    })
  const place = { step: fromStep, epoch: from?.epoch ?? 0 }
  if (session.frozen !== null) spans.part('frozen layers')
  const frozen = await openFrozenResults({
    ...{ job, dataset, session, store, engine },
    tell: print,
    applyRequests: () => applyRequests(place),
    progress: () => send({ type: 'progress', progress: { ...place, ...idle(session) } }),
  })
  if (typeof frozen === 'string') return { type: 'stopped', how: frozen, step: fromStep }
  const outcome = await train(job, dataset, session, frozen, from, {
    begins(what, epoch) {
      if (what === 'epoch') spans.part('epoch', { 'vggzoo.epoch': epoch })
      else spans.evaluation()
    },
    point: reporter.point,
    progress: reporter.progress,
    async stepped(state) {
      await free()
      if (!saver.isDue(state.step)) return
      reporter.flush()
      await save(state, false)
    },
    async epoch(summary, progress, state, isWanted) {
      spans.evaluated(summary)
      await free()
      reporter.flush()
      print(epochLine(summary, latest().epochs))
      send({ type: 'epoch', summary, pinned: await watchPinned(), progress })
      // What is saved for the time alone has no test: so what is kept for its test does not depend on the clock.
      if (isWanted || saver.isDue(state.step)) await save(state, isWanted)
      // Saving needs time and memory too.
      const after = { ...progress, ...memoryBytes(), phases: session.phases.seconds() }
      send({ type: 'progress', progress: after })
    },
    applyRequests,
  })
  frozen?.close()
  reporter.flush()
  if (outcome.kind === 'stopped' && outcome.how === 'PAUSE') await saver.save(outcome.state, false)
  await saver.written()
  return endingOf(outcome)
}

/** The progress of a trainer that takes no steps yet. */
function idle({ phases }: TrainingSession) {
  return { imagesPerSecond: null, secondsRemaining: null, ...memoryBytes(), phases: phases.seconds() }
}

function endingOf(outcome: TrainingOutcome): TrainerEnding {
  switch (outcome.kind) {
    case 'stopped':
      return { type: 'stopped', how: outcome.how, step: outcome.state.step }
    case 'notFinite':
      return { type: 'failed', failure: failureOfNotFinite(outcome) }
    case 'trained':
      return {
        type: 'completed',
        evaluation: outcome.evaluation,
        mistakes: outcome.mistakes,
        step: outcome.step,
      }
  }
}

function failureOf(error: unknown): RunFailure {
  if (error instanceof EngineUnavailableError) return { code: 'ENGINE_UNAVAILABLE', message: error.message }
  if (error instanceof DamagedDatasetError) return { code: 'DATASET_UNAVAILABLE', message: error.message }
  if (error instanceof DamagedArtifactError) return { code: 'CHECKPOINT_DAMAGED', message: error.message }
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
