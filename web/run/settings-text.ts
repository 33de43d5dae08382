import { counted, rate, words } from '../format.ts'
import type { Hyperparameters } from './hyperparameters.ts'

/** Settings of several values in a few words. */

export function scheduleText(schedule: Hyperparameters['schedule']): string {
  switch (schedule.__typename) {
    case 'StepSchedule':
      return `times ${schedule.gamma} every ${counted(schedule.epochs, 'epoch')}`
    case 'CosineSchedule':
      return `cosine to ${rate(schedule.finalLearningRate)}, ${counted(schedule.warmupEpochs, 'epoch')} of warm-up`
    case 'OneCycleSchedule':
      return `one cycle, ${100 * schedule.warmupFraction} % rising`
    default:
      return 'constant'
  }
}

export function optimizerText(optimizer: Hyperparameters['optimizer']): string {
  if (optimizer.__typename === 'Sgd') {
    const { momentum, nesterov, weightDecay } = optimizer
    return `SGD, momentum ${momentum}${nesterov ? ' (Nesterov)' : ''}, weight decay ${rate(weightDecay)}`
  }
  return `Adam, betas ${optimizer.beta1} and ${optimizer.beta2}, weight decay ${rate(optimizer.weightDecay)}`
}

export function augmentationText({
  horizontalFlip,
  cropPadding,
  cutout,
}: {
  horizontalFlip: boolean
  cropPadding: number
  cutout: number
}): string {
  const parts = [
    horizontalFlip && 'flip',
    cropPadding > 0 && `crop ${cropPadding}`,
    cutout > 0 && `cutout ${cutout}`,
  ].filter(Boolean)
  return parts.join(', ') || 'none'
}

export function earlyStoppingText(stopping: { metric: string; patience: number } | null): string {
  return stopping === null ? 'none' : `${words(stopping.metric)}, patience ${stopping.patience}`
}
