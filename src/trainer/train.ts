import { setImmediate as nextTurn } from 'node:timers/promises'
import { NO_AUGMENTATION } from '../data/augmentation/augmentation.ts'
import type { DatasetBatches } from '../data/dataset-batches.ts'
import { picturesAtOnce, resultsAtOnce } from '../models/pictures-at-once.ts'
import { memoryBytes } from '../process/memory.ts'
import { hyperparametersAt } from '../runs/model/changes.ts'
import type { NotFinite } from '../runs/model/failure.ts'
import type { Hyperparameters } from '../runs/model/hyperparameters.ts'
import { learningRateOf } from '../runs/model/learning-rate.ts'
import type { MeasuredEpoch, MeasuredPoint } from '../runs/model/measurements.ts'
import { afterEpoch, NO_EPOCH_YET } from './early-stopping.ts'
import { createEvaluator, type Evaluator } from './evaluate.ts'
import type { FrozenResults } from './frozen-results.ts'
import { createRunClock, createStepMeter } from './meters.ts'
import { timed } from './phases.ts'
import type { EvaluationResult, StopKind, TrainerProgress, TrainingJob } from './protocol.ts'
import type { StepResult, TrainingSession } from './session.ts'
import type { TrainerState } from './state.ts'

export interface TrainingHooks {
  /** @param epoch  1-based */
  begins(what: 'epoch' | 'evaluation', epoch: number): void
  point(point: MeasuredPoint, progress: TrainerProgress): void
  progress(progress: TrainerProgress): void
  /** After every step but an epoch's last: weights and state are those of this moment until it resolves. */
  stepped(state: TrainerState): Promise<void>
  /**
   * After an epoch was evaluated; as above.
   * @param isWanted  whether its checkpoint may be one that the run keeps or comes to
   */
  epoch(
    summary: MeasuredEpoch,
    progress: TrainerProgress,
    state: TrainerState,
    isWanted: boolean,
  ): Promise<void>
  /**
   * Asked between steps and between evaluation batches: does what was asked for meanwhile (an update is in
   * `job.changes` then) and answers whether training is to stop.
   */
  applyRequests(place: Pick<TrainerState, 'step' | 'epoch'>): StopKind | null
}

export type TrainingOutcome =
  /** `step`: of the weights that are the run's result. */
  | { kind: 'trained'; evaluation: EvaluationResult; mistakes: Uint8Array | null; step: number }
  | { kind: 'stopped'; how: StopKind; state: TrainerState }
  | ({ kind: 'notFinite' } & NotFinite)

/** Steps in one epoch and in the whole run; the last batch of an epoch may be short. */
export function countSteps(
  { batchSize, epochs, trainLimit }: Pick<Hyperparameters, 'batchSize' | 'epochs' | 'trainLimit'>,
  trainCount: number,
): { perEpoch: number; total: number } {
  const perEpoch = Math.ceil(Math.min(trainLimit ?? trainCount, trainCount) / batchSize)
  return { perEpoch, total: perEpoch * epochs }
}

/**
 * The training loop: every step is seen, and between two steps the process listens.
 *
 * @param frozen  what the session's frozen layers make of the images; null where a step computes it
 * @param from    where it goes on, with a session that was restored to the same place; null for a beginning
 */
export async function train(
  job: TrainingJob,
  dataset: Pick<DatasetBatches, 'count' | 'epoch'>,
  session: TrainingSession,
  frozen: FrozenResults | null,
  from: TrainerState | null,
  hooks: TrainingHooks,
): Promise<TrainingOutcome> {
  const clock = createRunClock()
  const rule = job.hyperparameters.earlyStopping
  let step = from?.step ?? 0
  let epoch = from?.epoch ?? 0
  let whole = createStepMeter(from?.whole)
  let window = createStepMeter(from?.window)
  /** Since the last point. */
  let layer: string | null = null
  let evaluation = from?.evaluation ?? null
  /** Of the evaluations of this attempt: a checkpoint has no room for them. */
  const mistakes = new WeakMap<EvaluationResult, Uint8Array>()
  let highest = from?.highest ?? []
  let lastFinite = from?.lastFinite ?? null
  /** Where the last test of all was not finite. */
  let brokenLayer: string | null = null
  let earlyStopping = from?.earlyStopping ?? NO_EPOCH_YET
  // A run that had stopped early and has been given more epochs waits anew; one that was only interrupted before it
  // could say so is over.
  if (from !== null && from.epochs < current().epochs && hasStoppedEarly()) {
    earlyStopping = { ...earlyStopping, waited: 0 }
  }

  while (!isAtEnd()) {
    hooks.begins('epoch', epoch + 1)
    const { perEpoch } = steps()
    const batches = trainingBatches(job, frozen ?? dataset, epoch, step - epoch * perEpoch)
    let result: StepResult | undefined
    for await (const batch of timed(session.phases, 'data', batches)) {
      await nextTurn()
      const how = hooks.applyRequests({ step, epoch })
      if (how !== null) return { kind: 'stopped', how, state: state() }
      const { logEvery, onNonFinite } = current()
      const learningRate = learningRateOf(job.hyperparameters, job.changes, step, perEpoch)
      const stepStarted = performance.now()
      result = await session.step(batch, step, learningRate)
      step += 1
      clock.stepped(performance.now() - stepStarted, batch.size)
      const sound = Number.isFinite(result.loss) && result.broken === null
      layer ??= layerOf(result)
      window.add({ ...result, size: batch.size, sound })
      whole.add({ ...result, size: batch.size, sound })
      const endsRun = !sound && onNonFinite === 'FAIL'
      const stepOfEpoch = step - epoch * perEpoch
      // Windows begin anew with each epoch; a shorter last one is a point too, so that no step goes unseen.
      if (endsRun || stepOfEpoch % logEvery === 0 || stepOfEpoch === perEpoch) {
        const point = {
          step,
          epoch: step / perEpoch,
          ...finiteOrReason(window.meanLoss()),
          layer,
          learningRate,
          imagesPerSecond: window.imagesPerSecond(),
          at: Date.now(),
        }
        window = createStepMeter()
        layer = null
        hooks.point(point, progress())
      } else {
        hooks.progress(progress())
      }
      if (endsRun) return notFinite('STEP', result)
      if (step === job.until) return { kind: 'stopped', how: 'CANCEL', state: state() }
      if (stepOfEpoch < perEpoch) await hooks.stepped(state())
    }
    if (whole.soundSteps() === 0) return notFinite('EPOCH', result)
    if (job.until !== undefined) {
      epoch += 1
      continue
    }
    hooks.begins('evaluation', epoch + 1)
    const evaluationStarted = performance.now()
    const evaluated = await evaluate(job, dataset, session, frozen, () =>
      hooks.applyRequests({ step, epoch }),
    )
    if (typeof evaluated === 'string') return { kind: 'stopped', how: evaluated, state: state() }
    evaluation = evaluated.result()
    mistakes.set(evaluation, evaluated.mistakes())
    brokenLayer = evaluated.brokenLayer
    const evaluationTook = performance.now() - evaluationStarted
    clock.evaluated(evaluationTook)
    session.phases.add('evaluation', evaluationTook)
    epoch += 1
    const summary = {
      epoch,
      trainLoss: finiteOrReason(whole.meanLoss()).loss,
      trainAccuracy: whole.accuracy(),
      testLoss: evaluation.loss,
      testAccuracy: evaluation.accuracy,
      seconds: whole.seconds(),
    }
    whole = createStepMeter()
    window = createStepMeter()
    const tested = { epoch, step, evaluation }
    if (rule !== null) earlyStopping = afterEpoch(rule, earlyStopping, tested)
    const isWanted =
      isAmongHighest(evaluation.accuracy) ||
      earlyStopping.best === tested ||
      epoch % job.checkpoints.everyEpochs === 0 ||
      isAtEnd()
    if (isWanted && evaluation.loss !== null) lastFinite = tested
    await hooks.epoch(summary, progress(), state(), isWanted)
  }
  const result = rule === null ? lastFinite : earlyStopping.best
  if (result === null)
    return { kind: 'notFinite', what: 'TESTS', step, epoch, loss: null, layer: brokenLayer }
  return {
    kind: 'trained',
    evaluation: result.evaluation,
    mistakes: mistakes.get(result.evaluation) ?? null,
    step: result.step,
  }

  function notFinite(what: 'STEP' | 'EPOCH', last: StepResult | undefined): TrainingOutcome {
    return {
      kind: 'notFinite',
      what,
      step,
      epoch: epoch + 1,
      loss: last?.loss ?? null,
      layer: last === undefined ? null : layerOf(last),
    }
  }

  function current(): Hyperparameters {
    return hyperparametersAt(job.hyperparameters, job.changes, step)
  }

  function steps() {
    return countSteps(current(), dataset.count.train)
  }

  function isAtEnd(): boolean {
    return epoch >= current().epochs || hasStoppedEarly()
  }

  /** Whether fewer than are kept had so high an accuracy before; from now on it is one of them. */
  function isAmongHighest(accuracy: number | null): boolean {
    const { keepBest } = job.checkpoints
    if (accuracy === null || highest.filter((other) => other >= accuracy).length >= keepBest) return false
    highest = [...highest, accuracy].sort((one, other) => other - one).slice(0, keepBest)
    return true
  }

  function hasStoppedEarly(): boolean {
    return rule !== null && earlyStopping.waited >= rule.patience
  }

  function progress(): TrainerProgress {
    return {
      epoch,
      step,
      imagesPerSecond: clock.imagesPerSecond(),
      secondsRemaining: clock.secondsRemaining(steps().total - step, current().epochs - epoch),
      ...memoryBytes(),
      phases: session.phases.seconds(),
    }
  }

  function state(): TrainerState {
    const { updates } = session.stepper
    return {
      step,
      epoch,
      epochs: current().epochs,
      updates,
      whole: whole.state(),
      window: window.state(),
      earlyStopping,
      highest,
      lastFinite,
      evaluation,
    }
  }
}

/** Of the first gradient that was not finite, on its way from the loss. */
function layerOf({ broken }: Pick<StepResult, 'broken'>): string | null {
  return broken?.split('/')[0] ?? null
}

/** @param skip  batches of the epoch that were trained already */
function trainingBatches(
  { hyperparameters, seed }: TrainingJob,
  batches: Pick<DatasetBatches, 'epoch'>,
  epoch: number,
  skip: number,
) {
  const { batchSize, augmentation, normalization } = hyperparameters
  const limit = hyperparameters.trainLimit ?? undefined
  return batches.epoch('train', {
    batchSize,
    seed,
    epoch,
    shuffle: true,
    limit,
    skip,
    augmentation,
    normalization,
  })
}

/** What has seen the test split; or how it was stopped on the way. */
async function evaluate(
  { architecture, hyperparameters, seed }: TrainingJob,
  dataset: Pick<DatasetBatches, 'count' | 'epoch'>,
  session: TrainingSession,
  frozen: FrozenResults | null,
  applyRequests: () => StopKind | null,
): Promise<Evaluator | StopKind> {
  const broken = await session.brokenWeight()
  const { classes, inputShape } = architecture
  const rest = frozen === null ? null : session.frozen!
  const evaluator = createEvaluator(session.model, rest?.shape ?? inputShape, classes, broken, rest?.layers)
  const [height, width] = inputShape
  const pictures = picturesAtOnce([height, width])
  const options = {
    ...{ batchSize: pictures, seed, epoch: 0, shuffle: false },
    limit: hyperparameters.testLimit ?? undefined,
    augmentation: NO_AUGMENTATION,
    normalization: hyperparameters.normalization,
  }
  const count = Math.min(options.limit ?? dataset.count.test, dataset.count.test)
  const groups = Math.floor(count / pictures)
  const batches =
    rest === null
      ? dataset.epoch('test', options)
      : // Pictures that do not fill a last group stay alone: an engine may compute few rows otherwise than many.
        inTurn(
          frozen!.epoch('test', {
            ...options,
            batchSize: resultsAtOnce(architecture, rest.layers),
            limit: groups * pictures,
          }),
          frozen!.epoch('test', { ...options, skip: groups }),
        )
  for await (const batch of batches) {
    await nextTurn()
    const how = applyRequests()
    if (how !== null) return how
    await evaluator.add(batch)
  }
  return evaluator
}

async function* inTurn<Item>(...all: AsyncIterable<Item>[]): AsyncGenerator<Item, void> {
  for (const items of all) yield* items
}

function finiteOrReason(loss: number): { loss: number | null; nonFinite: string | null } {
  return Number.isFinite(loss) ? { loss, nonFinite: null } : { loss: null, nonFinite: String(loss) }
}
