import { tooFewEpochs, whyNotChange, withChange } from '../runs/model/changes.ts'
import type { FromTrainer, StopKind, ToTrainer, TrainingJob } from './protocol.ts'
import type { TrainerState } from './state.ts'

type Request = Exclude<ToTrainer, { type: 'train' }>
type Answer =
  | Omit<Extract<FromTrainer, { type: 'updated' }>, 'steps'>
  | Extract<FromTrainer, { type: 'refused' }>

/** What the server has asked a trainer for, which computes and listens only between two steps. */
export interface Requests {
  take(request: Request): void
  /** Resolves at once, or when training is no longer held up. */
  free(): Promise<void>
  /** Makes the changes that were asked for, in `job.changes`, and tells of each; answers how training is to stop. */
  apply(
    place: Pick<TrainerState, 'step' | 'epoch'>,
    job: Pick<TrainingJob, 'changes'>,
    tell: (answer: Answer) => void,
  ): StopKind | null
}

export function createRequests(): Requests {
  let stop: StopKind | null = null
  let release: (() => void) | undefined
  let held: Promise<void> | undefined
  const updates: Extract<Request, { type: 'update' }>[] = []
  return {
    take(request) {
      switch (request.type) {
        case 'update':
          updates.push(request)
          return
        case 'hold':
          held ??= new Promise((resolve) => {
            release = resolve
          })
          return
        case 'stop':
          // Whatever comes after a cancel, it is cancelled.
          if (stop !== 'CANCEL') stop = request.how
      }
      // What is to stop is not held up.
      release?.()
      held = undefined
    },
    async free() {
      await held
    },
    apply({ step, epoch }, job, tell) {
      for (const { id, values } of updates.splice(0)) {
        if (values.epochs !== undefined && values.epochs <= epoch) {
          tell({ type: 'refused', id, reason: tooFewEpochs(values.epochs, epoch) })
          continue
        }
        const change = { step, ...values }
        const reason = whyNotChange(job.changes, change)
        if (reason !== null) {
          tell({ type: 'refused', id, reason })
          continue
        }
        job.changes = withChange(job.changes, change)
        tell({ type: 'updated', id, change })
      }
      return stop
    },
  }
}
