import { describe, expect, test } from 'vitest'
import { SCHEDULE_DEFAULTS, type Schedule } from '../../../src/runs/model/hyperparameters.ts'
import { learningRateAt } from '../../../src/runs/model/schedule.ts'
import { hasModules, python } from './python.ts'

const available = hasModules('torch')

const { step, cosine, oneCycle } = SCHEDULE_DEFAULTS
type Case = { schedule: Schedule; peak: number; stepsPerEpoch: number; run: number }
const of = (schedule: Schedule, stepsPerEpoch: number, run: number, peak = 0.05): Case => {
  return { schedule, peak, stepsPerEpoch, run }
}
const CASES: Case[] = [
  // The usual ones.
  of({ kind: 'oneCycle', ...oneCycle }, 40, 10, 0.1),
  of({ kind: 'oneCycle', warmupFraction: 0.5, initialDivisor: 10, finalDivisor: 100 }, 13, 7),
  of({ kind: 'cosine', ...cosine }, 40, 10, 0.1),
  of({ kind: 'cosine', warmupEpochs: 2, finalLearningRate: 1e-4 }, 17, 9),
  of({ kind: 'step', ...step }, 9, 23),
  of({ kind: 'step', epochs: 5, gamma: 0.9, offset: 1 }, 4, 50, 0.005),
  // Runs of one, two and three steps, and ways down that are shorter than one.
  ...[1, 2, 3].map((steps) => of({ kind: 'oneCycle', ...oneCycle }, steps, 1)),
  ...[1, 2, 3].map((steps) => of({ kind: 'cosine', ...cosine }, steps, 1)),
  ...[1, 2, 3].map((steps) => of({ kind: 'step', ...step }, steps, 1)),
  of({ kind: 'oneCycle', ...oneCycle, warmupFraction: 0.99 }, 1, 3),
  of({ kind: 'oneCycle', ...oneCycle, warmupFraction: 0.999 }, 10, 20),
  // A way up that is shorter than one, and divisors of 1.
  of({ kind: 'oneCycle', ...oneCycle, warmupFraction: 1e-9 }, 5, 1),
  of({ kind: 'oneCycle', ...oneCycle, warmupFraction: 0.01 }, 10, 1),
  of({ kind: 'oneCycle', warmupFraction: 0.4, initialDivisor: 1, finalDivisor: 1 }, 10, 1),
  // A warm-up of one step, as long as the run, and longer.
  of({ kind: 'cosine', warmupEpochs: 3, finalLearningRate: 0.01 }, 5, 3),
  of({ kind: 'cosine', warmupEpochs: 5, finalLearningRate: 0 }, 5, 3),
  of({ kind: 'cosine', warmupEpochs: 2, finalLearningRate: 0 }, 1, 3),
  of({ kind: 'cosine', warmupEpochs: 0, finalLearningRate: 0.2 }, 6, 1),
  // Fewer epochs than a step has, a step every epoch, no decay, and an offset beyond the run.
  of({ kind: 'step', epochs: 10, gamma: 0.1, offset: 0 }, 2, 3),
  of({ kind: 'step', epochs: 1, gamma: 0.5, offset: 0 }, 3, 8),
  of({ kind: 'step', epochs: 2, gamma: 1, offset: 0 }, 2, 6),
  of({ kind: 'step', epochs: 3, gamma: 0.9, offset: 40 }, 2, 4),
]

describe.skipIf(!available)('PyTorch (apt-get install python3-torch)', () => {
  const pytorch = available
    ? JSON.parse(
        python(
          'schedules.py',
          JSON.stringify(CASES.map(({ schedule, ...rest }) => ({ ...schedule, ...rest }))),
        ),
      )
    : []

  test.each(CASES.map((it, index) => ({ ...it, index, name: JSON.stringify(it) })))(
    'has the same rate at every step: $name',
    ({ schedule, peak, stepsPerEpoch, run, index }) => {
      const steps = stepsPerEpoch * run
      const ours = Array.from({ length: steps }, (_, at) =>
        learningRateAt(schedule, peak, at, stepsPerEpoch, steps),
      )
      const theirs: number[] = pytorch[index]
      expect(theirs).toHaveLength(steps)
      for (const [at, rate] of theirs.entries()) {
        expect(Math.abs(ours[at]! - rate), `step ${at}: ${ours[at]}, not ${rate}`).toBeLessThan(1e-13 * peak)
      }
    },
  )
})
