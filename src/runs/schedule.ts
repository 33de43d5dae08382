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
 * - cosine: linear from 0 over the warm-up, then final + (peak - final) * (1 + cos(pi * t)) / 2
 *   (Loshchilov and Hutter, arXiv:1608.03983, without restarts).
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
      const warmup = Math.min(schedule.warmupEpochs * stepsPerEpoch, steps)
      if (step < warmup) return (peak * (step + 1)) / warmup
      const t = (step - warmup) / Math.max(1, steps - warmup)
      return anneal(peak, schedule.finalLearningRate, t)
    }
    case 'oneCycle': {
      const initial = peak / schedule.initialDivisor
      const top = schedule.warmupFraction * steps - 1
      if (step <= top) return anneal(initial, peak, top <= 0 ? 1 : step / top)
      return anneal(peak, initial / schedule.finalDivisor, (step - top) / Math.max(1, steps - 1 - top))
    }
  }
}

/** Half a cosine from `from` at t = 0 to `to` at t = 1. */
function anneal(from: number, to: number, t: number): number {
  return to + ((from - to) * (1 + Math.cos(Math.PI * Math.min(1, t)))) / 2
}
