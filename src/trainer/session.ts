import type { ImageBatch } from '../data/batches.ts'
import { fusedLayers } from '../engine/fused.ts'
import { numbersOf } from '../engine/numbers.ts'
import type { Hyperparameters } from '../runs/model/hyperparameters.ts'
import { tf } from '../tensorflow.ts'
import type { Architecture } from '../zoo/architecture.ts'
import { forwardOf } from '../zoo/forward.ts'
import { buildModel, initializeWeights } from '../zoo/model.ts'
import { finiteness } from './finite.ts'
import { batchLoss } from './loss.ts'
import { createStepper, type Stepper } from './optimizer.ts'
import { createPhaseClock, type PhaseClock } from './phases.ts'

export interface StepResult {
  /** Mean cross-entropy of the batch in nats, label smoothing included. */
  loss: number
  /** Images of the batch whose most likely class was the true one, before the update. */
  correct: number
  /**
   * Where the gradients were first not finite, on their way from the loss to the image: a variable such as
   * features.3/kernel. Null where they are finite.
   */
  broken: string | null
}

/** A model in training on the present engine: the one place where a step is computed. */
export interface TrainingSession {
  readonly model: tf.LayersModel
  readonly stepper: Stepper
  /** What the counter of each batch norm (`TorchTensor`) was before the first update of the run; 0 where it has none. */
  batchesTracked: ReadonlyMap<string, bigint>
  /** Where the time goes; a step adds its own phases. */
  readonly phases: PhaseClock
  /** @param index  0-based step of the run; it decides the dropout masks */
  step(batch: ImageBatch, index: number, learningRate: number): Promise<StepResult>
  dispose(): void
}

type SessionHyperparameters = Pick<Hyperparameters, 'optimizer' | 'labelSmoothing'> &
  Partial<Pick<Hyperparameters, 'onNonFinite'>>

/** @param seed  of dropout, and of the weights unless `initialize` is false: then they are zeros, to be loaded */
export function createTrainingSession(
  architecture: Architecture,
  hyperparameters: SessionHyperparameters,
  seed: number,
  { initialize = true } = {},
): TrainingSession {
  const { optimizer, labelSmoothing, onNonFinite = 'FAIL' } = hyperparameters
  const dropout = { seed, step: 0 }
  const model = buildModel(architecture, { dropout })
  if (initialize) initializeWeights(model, seed)
  const variables = model.trainableWeights.map((weight) => weight.read() as tf.Variable)
  /** Running means and variances, which a forward pass already changes. */
  const statistics = model.nonTrainableWeights
  const names = model.trainableWeights.map((weight) => weight.originalName)
  const stepper = createStepper(optimizer, variables)
  const forward = forwardOf(model, { training: true })
  const phases = createPhaseClock()
  const { inputShape } = architecture
  const skipsBroken = onNonFinite === 'CONTINUE'
  // An engine that sees it in passing tells after the update; who leaves that out has to know before.
  const asks = skipsBroken || fusedLayers(tf) === undefined

  /** The last layer's gradients are computed first. */
  const firstBroken = (isBroken: (index: number) => boolean) => {
    const at = names.findLastIndex((_, index) => isBroken(index))
    return at < 0 ? null : names[at]
  }

  function differentiate(batch: ImageBatch) {
    const [loss, correct, ...gradients] = tf.tidy(() => {
      const x = tf.tensor4d(batch.x, [batch.size, ...inputShape])
      let hits: tf.Tensor | undefined
      const { value, grads } = tf.variableGrads(() => {
        const outcome = batchLoss(forward(x), batch, labelSmoothing)
        // Kept, because the scope of variableGrads disposes everything but the loss and the gradients.
        hits = tf.keep(outcome.correct)
        return outcome.loss
      }, variables)
      return [value, hits as tf.Tensor, ...variables.map((variable) => grads[variable.name])]
    })
    return { loss, correct, gradients }
  }

  return {
    model,
    stepper,
    batchesTracked: new Map(),
    phases,
    async step(batch, index, learningRate) {
      dropout.step = index
      const started = performance.now()
      // Clones share their numbers with what they are of.
      const before = skipsBroken ? statistics.map((weight) => weight.read().clone()) : []
      const { loss, correct, gradients } = differentiate(batch)
      const differentiated = performance.now()
      const named = Object.fromEntries(variables.map((variable, i) => [variable.name, gradients[i]]))
      // Not waited for: what an engine computes on the side goes on computing.
      let seen = skipsBroken ? null : stepper.apply(named, learningRate)
      const flags = asks ? finiteness(gradients) : undefined
      try {
        const [[lossValue], [correctValue], finite] = await Promise.all([
          numbersOf(loss),
          numbersOf(correct),
          flags && numbersOf(flags),
        ])
        let broken = finite === undefined ? null : firstBroken((i) => Number.isNaN(finite[i]))
        if (skipsBroken && broken === null && Number.isFinite(lossValue)) {
          seen = stepper.apply(named, learningRate)
        } else if (skipsBroken) {
          for (const [i, weight] of statistics.entries()) weight.write(before[i])
        }
        broken ??= firstBroken((i) => seen?.[i] === false)
        phases.add('forwardBackward', differentiated - started)
        // An engine that computes later has done everything by now only: its split is approximate.
        phases.add('optimizer', performance.now() - differentiated)
        return { loss: lossValue, correct: correctValue, broken }
      } finally {
        tf.dispose([loss, correct, ...gradients, ...before])
        flags?.dispose()
      }
    },
    dispose() {
      stepper.dispose()
      model.dispose()
    },
  }
}
