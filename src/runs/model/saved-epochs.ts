import { FLOAT } from '../../engine/training-memory.ts'
import { analyze } from '../../zoo/analysis.ts'
import type { Architecture } from '../../zoo/architecture.ts'
import { frozenOf, imagesIn, PARTS, workOf } from './frozen.ts'
import { slotsOf } from './hyperparameters.ts'
import type { Run } from './run.ts'

/** Writing so much takes no time that anybody notices. */
const ALWAYS_BYTES = 64 * 2 ** 20
/** What two cores do, roughly: transpose, hash and write; and train. */
const BYTES_PER_SECOND = 250e6
const MULTIPLY_ADDS_PER_SECOND = 50e9
/** The part of an epoch that a checkpoint may take after each. */
const MOST_OF_EACH = 1 / 2
/** The part of all time that checkpoints may take where that is exceeded. */
const MOST_OF_ALL = 1 / 10

/**
 * From one epoch whose end is saved whatever its test came to, to the next. 1, but where an epoch takes less time than writing a
 * checkpoint: a large classifier learns from what frozen layers make of a few pictures. An estimate from the run alone, not
 * a measurement: so runs of the same seed save the same epochs, wherever and however often they go on.
 *
 * @param count  images of the data set
 */
export function epochsBetweenCheckpoints(
  run: Pick<Run, 'transfer' | 'hyperparameters'>,
  architecture: Architecture,
  count: { train: number; test: number },
): number {
  const { hyperparameters } = run
  const frozen = frozenOf(run, { architecture, count })
  const { layers, parameterCount } = analyze(architecture)
  const trained = layers.slice(frozen.layers).reduce((sum, layer) => sum + layer.parameterCount, 0)
  const bytes = FLOAT * (parameterCount + slotsOf(hyperparameters.optimizer) * trained)
  const work = workOf(architecture, frozen)
  const images = imagesIn({ count, limits: hyperparameters })
  const multiplyAdds = images.train * PARTS * work.training + images.test * work.testing
  const saving = bytes / BYTES_PER_SECOND
  const epoch = multiplyAdds / MULTIPLY_ADDS_PER_SECOND
  if (bytes <= ALWAYS_BYTES || saving <= epoch * MOST_OF_EACH) return 1
  return Math.ceil(saving / (epoch * MOST_OF_ALL))
}
