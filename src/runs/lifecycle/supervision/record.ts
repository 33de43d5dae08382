import type { Telemetry } from '../../../ports/telemetry.ts'
import type { FromTrainer, TrainerProgress } from '../../../trainer/protocol.ts'
import { figuresOfEpochs } from '../../history/compare.ts'
import type { RunHistory } from '../../history/history.ts'
import type { Journal } from '../../journal/journal.ts'
import { latestHyperparameters, withChange } from '../../model/changes.ts'
import type { ControlRequest } from '../../model/controls.ts'
import type { RunEventBody } from '../../model/events.ts'
import { rateChangeAt } from '../../model/learning-rate.ts'
import type { MeasuredEpoch } from '../../model/measurements.ts'
import type { PinnedResult } from '../../model/pinned.ts'
import type { Run } from '../../model/run.ts'
import type { Checkpoints } from '../checkpoints.ts'
import { remembered } from '../control/remembered.ts'

/** Writes what the trainer of a run tells on its way into the run's journal and row. */
export interface TrainingRecord {
  /** Resolves when it is committed. In the order in which the trainer told it. */
  write(told: FromTrainer): Promise<void>
  /** Steps that the run has trained, as far as is recorded. */
  readonly step: number
}

export interface TrainingRecordOptions {
  journal: Journal
  history: Pick<RunHistory, 'epochs'>
  checkpoints: Pick<Checkpoints, 'secondsTo' | 'wentOnFrom' | 'save'>
  /** Steps of the checkpoint that the trainer is to go on from. */
  step: number
  datasetDigest: string
  telemetry: Telemetry
  /** The request for an update, by the update's id. */
  requestOf(id: number): ControlRequest | undefined
}

export function recordTraining(run: Run, options: TrainingRecordOptions): TrainingRecord {
  const { id, attempt } = run
  const { journal, history, checkpoints, datasetDigest, telemetry } = options
  let { step } = options
  let { changes } = run
  /** Those that count, by epoch. */
  let epochs: MeasuredEpoch[] = []

  async function begin({ engine, fromStep, steps }: Told<'started'>): Promise<void> {
    const startedAt = new Date()
    const secondsBefore = await checkpoints.secondsTo(id, fromStep)
    // Before it trains: where it would go on next time is where it is now.
    await checkpoints.wentOnFrom(id, fromStep)
    epochs = (await history.epochs(id, 'EFFECTIVE')).filter((epoch) => epoch.step <= fromStep)
    await journal.transition(id, 'RUNNING', {
      step: fromStep,
      patch: {
        engine: { ...engine },
        step: fromStep,
        steps,
        startedAt: run.startedAt ?? startedAt,
        datasetDigest,
        ...figureColumns(epochs),
        attempts: { create: { attempt, fromStep, secondsBefore, engine: { ...engine }, startedAt } },
      },
    })
  }

  async function addPoints(told: Told<'points'>): Promise<void> {
    const points = told.points.map((point) => ({ ...point, at: new Date(point.at), attempt }))
    await journal.append(id, [{ kind: 'LOSS_POINTS', points }], rowOf(run, told.progress))
  }

  async function endEpoch(told: Told<'epoch'>): Promise<void> {
    const { summary, pinned, progress } = told
    // One that was saved before its test is tested again by the next attempt.
    epochs = [...epochs.filter(({ epoch }) => epoch < summary.epoch), summary]
    await journal.append(id, [epochEnded(run, told)], {
      ...rowOf(run, progress),
      ...figureColumns(epochs),
      epochSummaries: {
        create: { attempt, step: progress.step, ...summary, ...pinnedColumn(pinned) },
      },
    })
  }

  async function update({ id: asked, change, steps }: Told<'updated'>): Promise<void> {
    const changed = withChange(changes, change)
    const { epochs } = latestHyperparameters(run.hyperparameters, changed)
    const rates = rateChangeAt(run.hyperparameters, changed, change.step, steps / epochs)
    const request = options.requestOf(asked)
    const applied = { kind: 'CONTROL_APPLIED', control: 'UPDATE', step: change.step } as const
    await journal.append(id, [{ ...applied, change: { ...change, ...rates } }], {
      changes: changed as object[],
      epochs,
      steps,
      ...remembered(request === undefined ? [] : [request]),
    })
    changes = changed
  }

  function written(told: FromTrainer): Promise<void> {
    switch (told.type) {
      case 'started':
        return begin(told)
      case 'points':
        return addPoints(told)
      case 'progress':
        return journal.progress(id, rowOf(run, told.progress))
      case 'epoch':
        return endEpoch(told)
      case 'saved':
        return checkpoints.save(run, told.checkpoint)
      case 'updated':
        return update(told)
      // It answers somebody, or says how the run ends.
      case 'refused':
      case 'completed':
      case 'stopped':
      case 'failed':
        return Promise.resolve()
    }
  }

  return {
    async write(told) {
      await written(told)
      if (!('progress' in told)) return
      const { progress } = told
      telemetry.record({
        kind: 'training',
        run: run.number,
        steps: progress.step - step,
        imagesPerSecond: progress.imagesPerSecond,
      })
      step = progress.step
    },
    get step() {
      return step
    },
  }
}

type Told<Type extends FromTrainer['type']> = Extract<FromTrainer, { type: Type }>

function rowOf(run: Run, { peakMemoryBytes, phases, ...progress }: TrainerProgress) {
  // An earlier attempt may have needed more.
  return {
    ...progress,
    phases: { ...phases },
    peakMemoryBytes: Math.max(peakMemoryBytes, Number(run.peakMemoryBytes ?? 0)),
  }
}

function figureColumns(epochs: readonly MeasuredEpoch[]) {
  const { bestTestAccuracy, lastTestLoss, seconds } = figuresOfEpochs(epochs)
  return { bestTestAccuracy, lastTestLoss, seconds: epochs.length === 0 ? null : seconds }
}

/** The event of an epoch's end, with what the pinned pictures came to. */
function epochEnded(
  run: Pick<Run, 'dataset'>,
  { summary, pinned }: { summary: MeasuredEpoch; pinned: PinnedResult[] },
): RunEventBody {
  const body = { kind: 'EPOCH_ENDED', summary } as const
  return pinned.length === 0 ? body : { ...body, pinned: { dataset: run.dataset, pictures: pinned } }
}

/** The same in the epoch's row. */
function pinnedColumn(pinned: PinnedResult[]) {
  return pinned.length === 0 ? {} : { pinned: pinned.map(({ probabilities }) => probabilities) }
}
