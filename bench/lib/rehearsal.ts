import type { TrainerEnd, TrainerListener } from '../../src/ports/trainer-launcher.ts'
import { Random } from '../../src/random.ts'
import type {
  FromTrainer,
  ToTrainer,
  TrainerProgress,
  Trainers,
  TrainingJob,
} from '../../src/trainer/protocol.ts'
import { createReporter } from '../../src/trainer/reporter.ts'
import { NO_ENGINE } from './no-engine.ts'

export interface Rehearsal {
  /** Of each run: with small batches it takes many steps. */
  imagesPerSecond: number
  /** How many times as fast as on the wall time passes for these trainers: 60 lets a minute be their hour. */
  pace: number
}

/** Of a run without a trainLimit. */
const ALL_IMAGES = 50_000
const MEMORY = 2 ** 27
const PHASES = { frozenLayers: 0, data: 0, forwardBackward: 0, optimizer: 0, evaluation: 0, saving: 0 }
const END: TrainerEnd = { kind: 'exited', how: 'exit code 0', lastWords: null }

/**
 * Trainers that train nothing and tell what trainers tell, by the reporter of those: points, epochs, output. So a
 * machine of two cores has as many runs at work at once as somebody wants to look at, and all else of them is real.
 */
export function createRehearsal(rehearsal: Rehearsal): Trainers {
  return {
    launch(listener) {
      let end = (_: TrainerEnd) => {}
      const ended = new Promise<TrainerEnd>((resolve) => {
        end = resolve
      })
      let training: Training | undefined
      const leave = () => {
        training?.rest()
        // Behind its last message.
        setImmediate(() => end(END))
      }
      const answer = (message: Exclude<ToTrainer, { type: 'train' }>) => {
        switch (message.type) {
          case 'hold':
            return training?.rest()
          case 'goOn':
            return training?.goOn()
          case 'update': {
            const reason = 'A rehearsal cannot be changed.'
            return listener.onMessage({ type: 'refused', id: message.id, reason })
          }
          case 'stop':
            listener.onMessage({ type: 'stopped', how: message.how, step: training?.step ?? 0 })
            return leave()
        }
      }
      return {
        name: undefined,
        ended,
        kill: leave,
        send(message) {
          if (message.type !== 'train') return answer(message)
          training = createTraining(message.job, rehearsal, listener, leave)
          training.goOn()
        },
      }
    },
  }
}

interface Training {
  readonly step: number
  rest(): void
  goOn(): void
}

function createTraining(
  { hyperparameters, seed }: TrainingJob,
  { imagesPerSecond, pace }: Rehearsal,
  { onMessage, onOutput }: TrainerListener<FromTrainer>,
  leave: () => void,
): Training {
  const { batchSize, epochs, trainLimit, learningRate, logEvery } = hyperparameters
  const perEpoch = Math.ceil((trainLimit ?? ALL_IMAGES) / batchSize)
  const steps = perEpoch * epochs
  const stepMs = (1000 * batchSize) / imagesPerSecond
  const { next } = new Random(seed)
  const reporter = createReporter(onMessage, () => performance.now() * pace)
  let step = 0
  let timer: NodeJS.Timeout | undefined

  function progress(): TrainerProgress {
    return {
      epoch: Math.floor(step / perEpoch),
      step,
      imagesPerSecond,
      secondsRemaining: ((steps - step) * stepMs) / 1000,
      peakMemoryBytes: MEMORY,
      memoryBytes: MEMORY,
      phases: PHASES,
    }
  }

  function takeStep(): void {
    step += 1
    const loss = lossAt(step) + next() / 2 ** 33
    const point = {
      step,
      epoch: step / perEpoch,
      loss,
      nonFinite: null,
      layer: null,
      learningRate,
      imagesPerSecond,
    }
    if (step % logEvery === 0) reporter.point({ ...point, at: Date.now() }, progress())
    if (step % perEpoch === 0) endEpoch(step / perEpoch)
  }

  function endEpoch(epoch: number): void {
    reporter.flush()
    const loss = lossAt(step)
    const accuracy = 1 - loss / 4
    onOutput(`epoch ${epoch} of ${epochs}: training loss ${loss.toFixed(4)}`, 'STDOUT')
    const measured = { trainLoss: loss, trainAccuracy: accuracy, testLoss: loss, testAccuracy: accuracy }
    const summary = { epoch, ...measured, seconds: (perEpoch * stepMs) / 1000 }
    onMessage({ type: 'epoch', summary, pinned: [], progress: progress() })
  }

  function fail(): void {
    const message = 'A rehearsal ends without a network.'
    onMessage({ type: 'failed', failure: { code: 'INTERNAL_ERROR', message } })
    leave()
  }

  return {
    get step() {
      return step
    },
    rest() {
      clearInterval(timer)
      timer = undefined
    },
    goOn() {
      if (timer !== undefined) return
      if (step === 0) onMessage({ type: 'started', engine: NO_ENGINE, fromStep: 0, steps })
      const [from, since] = [step, performance.now()]
      timer = setInterval(
        () => {
          // All that are due: no timer is as fine as some paces.
          const due = Math.min(steps, from + Math.floor(((performance.now() - since) * pace) / stepMs))
          while (step < due && timer !== undefined) takeStep()
          if (step === steps) fail()
        },
        Math.max(1, stepMs / pace),
      )
    },
  }
}

function lossAt(step: number): number {
  return 0.2 + 2.1 * Math.exp(-step / 2000)
}
