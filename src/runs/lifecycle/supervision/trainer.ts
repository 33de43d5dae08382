import { type Child, type ChildExit, type OutputStream, startChild } from '../../../process/child.ts'
import type { FromTrainer, StopKind, ToTrainer, TrainingJob } from '../../../trainer/protocol.ts'

/** The process that trains a run. Before it is started, and when it is gone, what is said to it is said to nobody. */
export interface Trainer {
  /** Starts it. Once. */
  start(
    job: TrainingJob,
    onMessage: (message: FromTrainer) => void,
    onOutput: (line: string, stream: OutputStream) => void,
  ): { pid: number | undefined; exited: Promise<ChildExit> }
  /** It has begun to train, and listens from now on. */
  begun(): void
  readonly hasBegun: boolean
  send(message: Exclude<ToTrainer, { type: 'train' }>): void
  /** One that has not begun to train listens to nothing, and has nothing to lose: it is killed. */
  stop(how: StopKind): void
  kill(): void
}

export function createTrainer(): Trainer {
  let child: Child<ToTrainer> | undefined
  let hasBegun = false

  const send: Trainer['send'] = (message) => child?.send(message)
  const kill = () => child?.kill('SIGKILL')
  return {
    start(job, onMessage, onOutput) {
      child = startChild<ToTrainer, FromTrainer>({
        entry: new URL('../../../trainer/trainer-process.js', import.meta.url),
        onMessage,
        onOutput,
      })
      child.send({ type: 'train', job })
      return child
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
