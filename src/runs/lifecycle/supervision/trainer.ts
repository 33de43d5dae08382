import type { LaunchedTrainer, TrainerListener } from '../../../ports/trainer-launcher.ts'
import type { FromTrainer, StopKind, ToTrainer, Trainers, TrainingJob } from '../../../trainer/protocol.ts'

/** The trainer of a run. Before it is started, and when it is gone, what is said to it is said to nobody. */
export interface Trainer {
  /** Starts it. Once. */
  start(
    job: TrainingJob,
    listener: TrainerListener<FromTrainer>,
  ): Pick<LaunchedTrainer<ToTrainer>, 'name' | 'ended'>
  /** It has begun to train, and listens from now on. */
  begun(): void
  readonly hasBegun: boolean
  send(message: Exclude<ToTrainer, { type: 'train' }>): void
  /** One that has not begun to train listens to nothing, and has nothing to lose: it is killed. */
  stop(how: StopKind): void
  kill(): void
}

export function createTrainer(trainers: Trainers): Trainer {
  let launched: LaunchedTrainer<ToTrainer> | undefined
  let hasBegun = false

  const send: Trainer['send'] = (message) => launched?.send(message)
  const kill = () => launched?.kill()
  return {
    start(job, listener) {
      launched = trainers.launch(listener)
      launched.send({ type: 'train', job })
      return launched
    },
    begun() {
      hasBegun = true
    },
    get hasBegun() {
      return hasBegun
    },
    send,
    stop(how) {
      if (hasBegun) send({ type: 'stop', how })
      else kill()
    },
    kill,
  }
}
