/** What a meter has seen, as plain data that a checkpoint can hold. */
export interface MeterState {
  steps: number
  /** Those of them whose loss and gradients were finite. */
  sound: number
  /** Of the steps' losses, as text: JSON has no NaN, and text gives back every bit of the rest. */
  lossSum: string
  correct: number
  images: number
  /** Since it was started, in milliseconds. */
  elapsed: number
}

/** The means of what a row of steps showed. */
export interface StepMeter {
  /** @param sound  whether its loss and gradients are finite */
  add(step: { loss: number; correct: number; size: number; sound: boolean }): void
  soundSteps(): number
  /** Mean of the steps' losses, each step counting once. */
  meanLoss(): number
  /** Fraction of the images that were classified right; null when a loss is not finite: nobody knows of its images. */
  accuracy(): number | null
  imagesPerSecond(): number
  /** Since it was started, in seconds. */
  seconds(): number
  state(): MeterState
}

/** @param from  what another one has seen: it goes on from there */
export function createStepMeter(from?: MeterState, now: () => number = () => performance.now()): StepMeter {
  const started = now() - (from?.elapsed ?? 0)
  let { steps, sound, correct, images } = from ?? { steps: 0, sound: 0, correct: 0, images: 0 }
  let loss = Number(from?.lossSum ?? 0)
  return {
    add(step) {
      steps += 1
      if (step.sound) sound += 1
      loss += step.loss
      correct += step.correct
      images += step.size
    },
    soundSteps: () => sound,
    meanLoss: () => loss / steps,
    accuracy: () => (Number.isFinite(loss) ? correct / images : null),
    imagesPerSecond: () => (images * 1000) / Math.max(0.001, now() - started),
    seconds: () => (now() - started) / 1000,
    state: () => ({ steps, sound, lossSum: String(loss), correct, images, elapsed: now() - started }),
  }
}

/** How fast the run goes and when it will be done, from what it has shown so far. */
export interface RunClock {
  stepped(milliseconds: number, images: number): void
  evaluated(milliseconds: number): void
  /** Training images per second over the last steps. */
  imagesPerSecond(): number | null
  secondsRemaining(stepsLeft: number, evaluationsLeft: number): number | null
}

/** Weight of the newest step in the running mean: about the last 20 steps count. */
const NEWEST = 0.05

export function createRunClock(): RunClock {
  let step: number | null = null
  let image: number | null = null
  let evaluation = 0
  const smooth = (mean: number | null, value: number) =>
    mean === null ? value : mean + NEWEST * (value - mean)
  return {
    stepped(milliseconds, images) {
      step = smooth(step, milliseconds)
      image = smooth(image, milliseconds / images)
    },
    evaluated(milliseconds) {
      evaluation = milliseconds
    },
    imagesPerSecond: () => (image === null ? null : 1000 / Math.max(image, 1e-6)),
    secondsRemaining: (stepsLeft, evaluationsLeft) =>
      step === null ? null : (step * stepsLeft + evaluation * evaluationsLeft) / 1000,
  }
}
