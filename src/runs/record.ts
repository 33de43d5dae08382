import type { TrainingRun } from '../db/generated/client.ts'
import type { Checkpoints } from './checkpoints.ts'
import type { RunLog } from './log.ts'
import { epochEnded, pinnedColumn } from './pinned.ts'
import type { FromTrainer, TrainerProgress } from './trainer/protocol.ts'

/** What a trainer tells on its way; the rest answers to somebody, or ends the run. */
export type TrainerNews = Extract<
  FromTrainer,
  { type: 'started' | 'points' | 'progress' | 'epoch' | 'saved' }
>

/**
 * Writes what the trainer of a run tells into the run's log and row, in the order of the calls.
 * @returns resolves when it is committed
 */
export function recordTraining(
  run: TrainingRun,
  log: RunLog,
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
        await log.transition(id, 'RUNNING', {
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
        await log.append(id, [{ kind: 'LOSS_POINTS', points }], rowOf(run, news.progress))
        return
      }
      case 'progress':
        return log.progress(id, rowOf(run, news.progress))
      case 'epoch': {
        const { summary, pinned, progress } = news
        await log.append(id, [epochEnded(run, news)], {
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
