import { setImmediate as nextTurn } from 'node:timers/promises'
import { epochBatches } from '../../data/batches.ts'
import type { LoadedDataset, LoadedSplit } from '../../data/load.ts'
import { memoryBytes } from '../../process/memory.ts'
import { EVALUATION_BATCH, NO_AUGMENTATION } from '../hyperparameters.ts'
import { learningRateAt } from '../schedule.ts'
import { createEvaluator } from './evaluate.ts'
import { createRunClock, createStepMeter } from './meters.ts'
import { timed } from './phases.ts'
import type {
  EvaluationResult,
  TrainerEpoch,
  TrainerPoint,
  TrainerProgress,
  TrainingJob,
} from './protocol.ts'
import type { TrainingSession } from './session.ts'

export interface TrainingHooks {
  point(point: TrainerPoint, progress: TrainerProgress): void
  progress(progress: TrainerProgress): void
  /** The weights are those of the epoch's end until this resolves. */
  epoch(summary: TrainerEpoch, evaluation: EvaluationResult, progress: TrainerProgress): Promise<void>
  /** Asked between steps and between evaluation batches. */
  cancelled(): boolean
}

export type TrainingOutcome =
  | { kind: 'trained'; evaluation: EvaluationResult; step: number }
  | { kind: 'cancelled'; step: number }
  | { kind: 'notFinite'; step: number; loss: number }

/** Steps in one epoch and in the whole run; the last batch of an epoch may be short. */
export function countSteps(
  { batchSize, epochs, trainLimit }: TrainingJob['hyperparameters'],
  trainCount: number,
): { perEpoch: number; total: number } {
  const perEpoch = Math.ceil(Math.min(trainLimit ?? trainCount, trainCount) / batchSize)
  return { perEpoch, total: perEpoch * epochs }
}

/** The training loop: every step is seen, and between two steps the process listens. */
export async function train(
  job: TrainingJob,
  dataset: LoadedDataset,
  session: TrainingSession,
  hooks: TrainingHooks,
): Promise<TrainingOutcome> {
  const { hyperparameters } = job
  const { epochs, logEvery, schedule, learningRate: peak } = hyperparameters
  const steps = countSteps(hyperparameters, dataset.train.count)
  const clock = createRunClock()
  let step = 0
  let evaluation: EvaluationResult | undefined

  for (let epoch = 0; epoch < epochs; epoch++) {
    const epochStarted = performance.now()
    const whole = createStepMeter()
    let window = createStepMeter()
    for (const batch of timed(session.phases, 'data', trainingBatches(job, dataset.train, epoch))) {
      await nextTurn()
      if (hooks.cancelled()) return { kind: 'cancelled', step }
      const stepStarted = performance.now()
      const learningRate = learningRateAt(schedule, peak, step, steps.perEpoch, steps.total)
      const result = await session.step(batch, step, learningRate)
      step += 1
      clock.stepped(performance.now() - stepStarted, batch.size)
      window.add({ ...result, size: batch.size })
      whole.add({ ...result, size: batch.size })
      const finite = Number.isFinite(result.loss)
      const stepOfEpoch = step - epoch * steps.perEpoch
      // Windows begin anew with each epoch; a shorter last one is a point too, so that no step goes unseen.
      if (!finite || stepOfEpoch % logEvery === 0 || stepOfEpoch === steps.perEpoch) {
        hooks.point(
          {
            step,
            epoch: step / steps.perEpoch,
            ...finiteOrReason(window.meanLoss()),
            learningRate,
            imagesPerSecond: window.imagesPerSecond(),
            at: Date.now(),
          },
          progressAt(epoch),
        )
        window = createStepMeter()
      } else {
        hooks.progress(progressAt(epoch))
      }
      if (!finite) return { kind: 'notFinite', step, loss: result.loss }
    }
    const evaluationStarted = performance.now()
    evaluation = await evaluate(job, dataset.test, session, hooks.cancelled)
    if (evaluation === undefined) return { kind: 'cancelled', step }
    const evaluationTook = performance.now() - evaluationStarted
    clock.evaluated(evaluationTook)
    session.phases.add('evaluation', evaluationTook)
    await hooks.epoch(
      {
        epoch: epoch + 1,
        trainLoss: finiteOrReason(whole.meanLoss()).loss,
        trainAccuracy: whole.accuracy(),
        testLoss: evaluation.loss,
        testAccuracy: evaluation.accuracy,
        seconds: (performance.now() - epochStarted) / 1000,
      },
      evaluation,
      progressAt(epoch + 1),
    )
  }
  return { kind: 'trained', evaluation: evaluation as EvaluationResult, step }

  /** @param epoch  completed epochs */
  function progressAt(epoch: number): TrainerProgress {
    return {
      epoch,
      step,
      imagesPerSecond: clock.imagesPerSecond(),
      secondsRemaining: clock.secondsRemaining(steps.total - step, epochs - epoch),
      ...memoryBytes(),
      phases: session.phases.seconds(),
    }
  }
}

function trainingBatches({ hyperparameters, seed }: TrainingJob, split: LoadedSplit, epoch: number) {
  const { batchSize, augmentation, normalization } = hyperparameters
  const limit = hyperparameters.trainLimit ?? undefined
  return epochBatches(split, { batchSize, seed, epoch, shuffle: true, limit, augmentation, normalization })
}

/** Loss, accuracy and confusion matrix on the test split; undefined when cancelled on the way. */
async function evaluate(
  { architecture, hyperparameters, seed }: TrainingJob,
  split: LoadedSplit,
  session: TrainingSession,
  cancelled: () => boolean,
): Promise<EvaluationResult | undefined> {
  const evaluator = createEvaluator(session.model, architecture.inputShape, architecture.classes)
  const batches = epochBatches(split, {
    batchSize: EVALUATION_BATCH,
    seed,
    epoch: 0,
    shuffle: false,
    limit: hyperparameters.testLimit ?? undefined,
    augmentation: NO_AUGMENTATION,
    normalization: hyperparameters.normalization,
  })
  for (const batch of batches) {
    await nextTurn()
    if (cancelled()) return undefined
    await evaluator.add(batch)
  }
  return evaluator.result()
}

function finiteOrReason(loss: number): { loss: number | null; nonFinite: string | null } {
  return Number.isFinite(loss) ? { loss, nonFinite: null } : { loss: null, nonFinite: String(loss) }
}
