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

export function augmentationText(it: Hyperparameters['augmentation']): string {
  const parts = [
    it.horizontalFlip && 'flip',
    it.cropPadding > 0 && `crop ${it.cropPadding}`,
    it.cutout > 0 && `cutout ${it.cutout}`,
    it.rotation > 0 && `rotation ${rate(it.rotation)}`,
    it.scale > 0 && `scale ${rate(it.scale)}`,
    it.resizedCrop > 0 && `resized crop ${rate(it.resizedCrop)}`,
    it.brightness > 0 && `brightness ${rate(it.brightness)}`,
    it.contrast > 0 && `contrast ${rate(it.contrast)}`,
    it.saturation > 0 && `saturation ${rate(it.saturation)}`,
    it.hue > 0 && `hue ${rate(it.hue)}`,
    it.erasing > 0 && `erasing ${rate(it.erasing)}`,
    it.mixup > 0 && `mixup ${rate(it.mixup)}`,
  ].filter(Boolean)
  return parts.join(', ') || 'none'
}

export function earlyStoppingText(stopping: { metric: string; patience: number } | null): string {
  return stopping === null ? 'none' : `${words(stopping.metric)}, patience ${stopping.patience}`
}

export function classWeightsText(
  weights: { balanced: boolean; weights: readonly number[] | null } | null,
): string {
  if (weights === null) return 'all alike'
  if (weights.balanced || weights.weights === null) return 'balanced'
  const first = weights.weights.slice(0, 10).map(rate).join(', ')
  return weights.weights.length > 10 ? `${first}, … for ${weights.weights.length} classes` : first
}

export function transferText(
  transfer: {
    frozenLayers: readonly string[]
    newLayers: readonly string[]
    headLearningRate: number | null
  } | null,
): string {
  if (transfer === null) return 'drawn by the seed'
  const { frozenLayers, newLayers, headLearningRate } = transfer
  const parts = [
    frozenLayers.length > 0 && `frozen up to ${frozenLayers.at(-1)}`,
    newLayers.length > 0 && `${newLayers.join(', ')} anew`,
    headLearningRate !== null && `head at ${rate(headLearningRate)}`,
  ].filter(Boolean)
  return ['of another run or a file', ...parts].join(', ')
}
