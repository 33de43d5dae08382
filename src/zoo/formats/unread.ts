import { LAYER_KINDS } from '../layers/kinds.ts'
import type { TensorOutline } from '../weights-mismatch.ts'

/** Parts of a name that say what a training needs beside the network: the state of its optimizer and of its loss. */
const TRAINING = new RegExp(
  `^(${[
    '.*_?optimi[sz]ers?|optim|(n|r)?adamw?|adamax|adagrad|adadelta|rmsprop|sgd|ftrl|lion',
    'exp_avg|exp_avg_sq|max_exp_avg_sq|momentum_buffer|square_avg|acc_delta',
    '(lr_)?schedulers?|(grad_)?scaler|criterion|loss|loss_fn',
  ].join('|')})$`,
  'i',
)
/** A second set of weights, averaged over the steps. */
const AVERAGE = /^(.+_)?(ema|swa)(_.+)?$/i
const VARIABLES = LAYER_KINDS.flatMap(({ tensors }) => Object.keys(tensors?.names ?? {}))
/** What Keras' optimizers keep of a weight hangs below its name: dense/kernel/m. */
const SLOT = new RegExp(
  `[/.](${VARIABLES.join('|')})[/.](m|v|vhat|momentum|velocity|rms|accumulator)(:\\d+)?$`,
)
/** A step counter of PyTorch's batch norms, which some programs turn into a float with all the rest. */
const COUNTER = /(^|[/.])num_batches_tracked$/

/**
 * The tensors of a file that its network reads. By this rule the others decide nothing and are passed over:
 * - what is no float of at least 16 bits: counters, masks, seeds, indices;
 * - `num_batches_tracked`, whatever its type and shape;
 * - what has a part of its name that says optimizer, scheduler or loss;
 * - what has a part of its name that says average (ema, swa).
 *
 * Where nothing would be left by one of the last two rules, its word is but a prefix of all names.
 *
 * Every other float is taken for a weight: one that the network has no place for is surplus, and tells that the file
 * is another network's.
 */
export function readTensors<T extends TensorOutline>(tensors: readonly T[]): T[] {
  const floats = tensors.filter(({ name, type }) => type === 'float' && !COUNTER.test(name))
  const besideTraining = floats.filter(({ name }) => !hasPart(name, TRAINING))
  const weights = orAll(besideTraining, floats).filter(({ name }) => !SLOT.test(name))
  return orAll(
    weights.filter(({ name }) => !hasPart(name, AVERAGE)),
    weights,
  )
}

function orAll<T>(some: T[], all: T[]): T[] {
  return some.length > 0 ? some : all
}

function hasPart(name: string, pattern: RegExp): boolean {
  return name.split(/[/.]/).some((part) => pattern.test(part))
}
