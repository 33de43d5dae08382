import type { Schedule } from './hyperparameters.ts'

/**
 * The learning rate of one step.
 *
 * @param schedule  its shape; formulas below
 * @param peak      the learning rate that the schedule shapes
 * @param step      0-based step of the whole run
 * @param stepsPerEpoch, steps  steps in one epoch and in the whole run
 *
 * - step: peak * gamma^floor((epoch + offset) / epochs), epoch 0-based (PyTorch's StepLR; offset 1 is a
 *   scheduler called before each epoch's steps).
 * - cosine: linear from 0 over the warm-up, whose length has nothing to do with the run's, then
 *   final + (peak - final) * (1 + cos(pi * t)) / 2 (Loshchilov and Hutter, arXiv:1608.03983, without restarts).
 * - oneCycle: cosine from peak / initialDivisor to peak, then to peak / initialDivisor / finalDivisor
 *   (Smith and Topin, arXiv:1708.07120, in the two-phase form of PyTorch's OneCycleLR).
 */
export function learningRateAt(
  schedule: Schedule,
  peak: number,
  step: number,
  stepsPerEpoch: number,
  steps: number,
): number {
  switch (schedule.kind) {
    case 'constant':
      return peak
    case 'step': {
      const epoch = Math.floor(step / stepsPerEpoch)
      return peak * schedule.gamma ** Math.floor((epoch + schedule.offset) / schedule.epochs)
    }
    case 'cosine': {
      const warmup = schedule.warmupEpochs * stepsPerEpoch
      // A warm-up may end in the midst of a step, which has the peak then and not more.
      if (step < warmup) return peak * Math.min(1, (step + 1) / warmup)
      return anneal(peak, schedule.finalLearningRate, (step - warmup) / (steps - warmup))
    }
    case 'oneCycle': {
      const initial = peak / schedule.initialDivisor
      const top = schedule.warmupFraction * steps - 1
      if (step <= top) return anneal(initial, peak, top <= 0 ? 1 : step / top)
      // The way down may be shorter than a step: the last step has the last rate nevertheless.
      return anneal(peak, initial / schedule.finalDivisor, (step - top) / (steps - 1 - top))
    }
  }
}

/** Where a schedule begins anew: after so many steps, the last of which had this rate. */
export interface RateStart {
  step: number
  rate: number
}

/**
 * The learning rate of one step behind `start`, of a schedule that goes on from the rate of the last step before it and
 * comes to the same end. With k = step - start.step, from 0, and n = steps - start.step:
 *
 * - constant: the rate.
 * - step: the rate times gamma for each of the schedule's changes between the last step before and this one.
 * - cosine: final + (rate - final) * (1 + cos(pi * (k + 1) / (n + 1))) / 2, which is that of a run of n + 1 steps without
 *   a warm-up whose peak was the last step before.
 * - oneCycle: its way down alone: with end = peak / initialDivisor / finalDivisor, which the last step has,
 *   end + (rate - end) * (1 + cos(pi * (k + 1) / n)) / 2.
 *
 * Parameters as of learningRateAt.
 */
export function continuedRateAt(
  schedule: Schedule,
  peak: number,
  { step: first, rate }: RateStart,
  step: number,
  stepsPerEpoch: number,
  steps: number,
): number {
  const done = step - first + 1
  const left = steps - first
  switch (schedule.kind) {
    case 'constant':
      return rate
    case 'step': {
      const drops = (at: number) =>
        Math.floor((Math.floor(at / stepsPerEpoch) + schedule.offset) / schedule.epochs)
      return rate * schedule.gamma ** (drops(step) - drops(first - 1))
    }
    case 'cosine':
      return anneal(rate, schedule.finalLearningRate, done / (left + 1))
    case 'oneCycle':
      return anneal(rate, peak / schedule.initialDivisor / schedule.finalDivisor, done / left)
  }
}

/** Half a cosine from `from` at t = 0 to `to` at t = 1. */
function anneal(from: number, to: number, t: number): number {
  return to + ((from - to) * (1 + Math.cos(Math.PI * Math.min(1, t)))) / 2
}
