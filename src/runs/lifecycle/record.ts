import type { TrainingRun } from '../../db/generated/client.ts'
import type { FromTrainer, TrainerProgress } from '../../trainer/protocol.ts'
import type { Journal } from '../journal/journal.ts'
import type { RunEventBody } from '../model/events.ts'
import type { MeasuredEpoch } from '../model/measurements.ts'
import type { PinnedResult } from '../model/pinned.ts'
import type { Checkpoints } from './checkpoints.ts'

/** What a trainer tells on its way; the rest answers to somebody, or ends the run. */
export type TrainerNews = Extract<
  FromTrainer,
  { type: 'started' | 'points' | 'progress' | 'epoch' | 'saved' }
>

/**
 * Writes what the trainer of a run tells into the run's journal and row, in the order of the calls.
 * @returns resolves when it is committed
 */
export function recordTraining(
  run: TrainingRun,
  journal: Journal,
  checkpoints: Checkpoints,
): (news: TrainerNews, datasetDigest: string) => Promise<void> {
  const { id, attempt } = run
  return async (news, datasetDigest) => {
    switch (news.type) {
      case 'started': {
        const { fromStep, steps } = news
        const engine = { ...news.engine }
        const startedAt = new Date()
        // Before it trains: where it would go on next time is where it is now.
        await checkpoints.wentOnFrom(id, fromStep)
        await journal.transition(id, 'RUNNING', {
          step: fromStep,
          patch: {
            engine,
            step: fromStep,
            steps,
            startedAt: run.startedAt ?? startedAt,
            datasetDigest,
            attempts: { create: { attempt, fromStep, engine, startedAt } },
          },
        })
        return
      }
      case 'points': {
        const points = news.points.map((point) => ({ ...point, at: new Date(point.at), attempt }))
        await journal.append(id, [{ kind: 'LOSS_POINTS', points }], rowOf(run, news.progress))
        return
      }
      case 'progress':
        return journal.progress(id, rowOf(run, news.progress))
      case 'epoch': {
        const { summary, pinned, progress } = news
        await journal.append(id, [epochEnded(run, news)], {
          ...rowOf(run, progress),
          epochSummaries: {
            create: { attempt, step: progress.step, ...summary, ...pinnedColumn(pinned) },
          },
        })
        return
      }
      case 'saved':
        return checkpoints.save(run, news.checkpoint)
    }
  }
}

function rowOf(run: TrainingRun, { peakMemoryBytes, phases, ...progress }: TrainerProgress) {
  // An earlier attempt may have needed more.
  return {
    ...progress,
    phases: { ...phases },
    peakMemoryBytes: Math.max(peakMemoryBytes, Number(run.peakMemoryBytes ?? 0)),
  }
}

/** The event of an epoch's end, with what the pinned pictures came to. */
function epochEnded(
  run: Pick<TrainingRun, 'dataset'>,
  { summary, pinned }: { summary: MeasuredEpoch; pinned: PinnedResult[] },
): RunEventBody {
  const body = { kind: 'EPOCH_ENDED', summary } as const
  return pinned.length === 0 ? body : { ...body, pinned: { dataset: run.dataset, pictures: pinned } }
}

/** The same in the epoch's row. */
function pinnedColumn(pinned: PinnedResult[]) {
  return pinned.length === 0 ? {} : { pinned: pinned.map(({ probabilities }) => probabilities) }
}
