import * as tf from '@tensorflow/tfjs'
import type { ImageBatch } from '../../data/batches.ts'
import type { Architecture } from '../../zoo/architecture.ts'
import { forwardOf } from '../../zoo/forward.ts'
import { buildModel, initializeWeights } from '../../zoo/model.ts'
import type { Hyperparameters } from '../hyperparameters.ts'
import { crossEntropy } from './loss.ts'
import { createStepper } from './optimizer.ts'
import { createPhaseClock, type PhaseClock } from './phases.ts'

export interface StepResult {
  /** Mean cross-entropy of the batch in nats, label smoothing included. */
  loss: number
  /** Images of the batch whose most likely class was the true one, before the update. */
  correct: number
}

/** A model in training on the present engine: the one place where a step is computed. */
export interface TrainingSession {
  readonly model: tf.LayersModel
  /** Where the time goes; a step adds its own phases. */
  readonly phases: PhaseClock
  /** @param index  0-based step of the run; it decides the dropout masks */
  step(batch: ImageBatch, index: number, learningRate: number): Promise<StepResult>
  dispose(): void
}

export function createTrainingSession(
  architecture: Architecture,
  hyperparameters: Pick<Hyperparameters, 'optimizer' | 'labelSmoothing'>,
  seed: number,
): TrainingSession {
  const dropout = { seed, step: 0 }
  const model = buildModel(architecture, { dropout })
  initializeWeights(model, seed)
  const variables = model.trainableWeights.map((weight) => weight.read() as tf.Variable)
  const stepper = createStepper(hyperparameters.optimizer, variables)
  const forward = forwardOf(model, { training: true })
  const { inputShape } = architecture
  const phases = createPhaseClock()
  return {
    model,
    phases,
    async step(batch, index, learningRate) {
      dropout.step = index
      const started = performance.now()
      let differentiated = started
      const [loss, correct] = tf.tidy(() => {
        const x = tf.tensor4d(batch.x, [batch.size, ...inputShape])
        let hits: tf.Tensor | undefined
        const { value, grads } = tf.variableGrads(() => {
          const outcome = crossEntropy(forward(x), batch.y, hyperparameters.labelSmoothing)
          // Kept, because the scope of variableGrads disposes everything but the loss and the gradients.
          hits = tf.keep(outcome.correct)
          return outcome.loss
        }, variables)
        differentiated = performance.now()
        stepper.apply(grads, learningRate)
        return [value, hits as tf.Tensor]
      })
      try {
        const [[lossValue], [correctValue]] = await Promise.all([loss.data(), correct.data()])
        phases.add('forwardBackward', differentiated - started)
        // An engine that computes later has done everything by now only: its split is approximate.
        phases.add('optimizer', performance.now() - differentiated)
        return { loss: lossValue, correct: correctValue }
      } finally {
        tf.dispose([loss, correct])
      }
    },
    dispose() {
      stepper.dispose()
      model.dispose()
    },
  }
}
