import { CIFAR10 } from '../../src/data/sources/cifar10/facts.ts'
import { type Hyperparameters, resolveHyperparameters } from '../../src/runs/model/hyperparameters.ts'

/** Those of a run that was asked for nothing, or for little. */
export function standardHyperparameters(asked: Partial<Hyperparameters> = {}): Hyperparameters {
  const resolved = resolveHyperparameters({}, true, CIFAR10.normalization)
  if ('issues' in resolved) throw new Error('the defaults are wrong')
  return { ...resolved.hyperparameters, ...asked }
}
