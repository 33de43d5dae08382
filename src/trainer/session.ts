import type { ImageBatch } from '../data/batches.ts'
import { fusedLayers } from '../engine/fused.ts'
import { numbersOf } from '../engine/numbers.ts'
import type { Hyperparameters } from '../runs/model/hyperparameters.ts'
import { tf } from '../tensorflow.ts'
import type { Architecture } from '../zoo/architecture.ts'
import { forwardOfPart, type Step } from '../zoo/forward.ts'
import { buildModel, initializeWeights, layersOf } from '../zoo/model.ts'
import { torchTensors } from '../zoo/torch-layout.ts'
import { brokenWeight, finiteness } from './finite.ts'
import { batchLoss, type LossOptions } from './loss.ts'
import { createStepper, type Stepper } from './optimizer.ts'
import { createPhaseClock, type PhaseClock } from './phases.ts'

/** What a step learns from: images, or what the frozen layers make of them. */
export interface TrainingBatch extends ImageBatch {
  /** Whether x is [size, ...frozen.shape], and not images. */
  isFrozenResult?: true
}

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
  /** The layers that are not trained; null where all are. */
  readonly frozen: Frozen | null
  /** What the counter of each batch norm (`TorchTensor`) was before the first update of the run; 0 where it has none. */
  batchesTracked: ReadonlyMap<string, bigint>
  /** How the loss counts; the weights of classes are of the images that are trained. */
  readonly loss: LossOptions
  /** Where the time goes; a step adds its own phases. */
  readonly phases: PhaseClock
  /** @param index  0-based step of the run; it decides the dropout masks */
  step(batch: TrainingBatch, index: number, learningRate: number): Promise<StepResult>
  /** The first variable with a value that is not finite (finite.ts). */
  brokenWeight(): Promise<string | null>
  dispose(): void
}

/** The first layers of a network, as in prediction: neither dropout nor the batch's own statistics. */
export interface Frozen {
  /** How many they are: the place of the first that is trained. */
  readonly layers: number
  /** [n, height, width, channels] -> [n, ...shape]. The caller tidies. */
  readonly forward: Step
  /** Of their result for one image. */
  readonly shape: readonly number[]
  readonly names: ReadonlySet<string>
  /** The counters of their batch norms (`TorchTensor`), which no step changes. */
  readonly counters: ReadonlySet<string>
}

/** How a session treats the layers of a network that begins with another one's weights. */
export interface TransferOptions {
  /** The first so many layers are frozen. */
  frozen: number
  /** Layers that learn at a rate of their own: so many times the others'. */
  head: readonly string[]
  headRate: number
}

type SessionHyperparameters = Pick<Hyperparameters, 'optimizer' | 'labelSmoothing'> &
  Partial<Pick<Hyperparameters, 'onNonFinite'>>

/** @param seed  of dropout, and of the weights unless `initialize` is false: then they are zeros, to be loaded */
export function createTrainingSession(
  architecture: Architecture,
  hyperparameters: SessionHyperparameters,
  seed: number,
  {
    initialize = true,
    transfer = { frozen: 0, head: [], headRate: 1 },
  }: { initialize?: boolean; transfer?: TransferOptions } = {},
): TrainingSession {
  const { optimizer, labelSmoothing, onNonFinite = 'FAIL' } = hyperparameters
  const dropout = { seed, step: 0 }
  const model = buildModel(architecture, { dropout })
  if (initialize) initializeWeights(model, seed)
  const layers = layersOf(model)
  for (const { layer } of layers.slice(0, transfer.frozen)) layer.trainable = false
  const trained = layers.slice(transfer.frozen)
  const frozen = transfer.frozen === 0 ? null : frozenOf(model, architecture, transfer.frozen)
  const variables = model.trainableWeights.map((weight) => weight.read() as tf.Variable)
  /** Running means and variances, which a forward pass already changes. */
  const statistics = trained.flatMap(({ layer }) => layer.nonTrainableWeights)
  const names = model.trainableWeights.map((weight) => weight.originalName)
  const head = new Set(transfer.head)
  const rates = names.map((name) => (head.has(name.split('/')[0]!) ? transfer.headRate : 1))
  const stepper = createStepper(optimizer, variables, rates)
  const whole = { from: transfer.frozen, to: layers.length }
  const forward = forwardOfPart(model, whole, { training: true })
  const phases = createPhaseClock()
  const lossOptions: LossOptions = { labelSmoothing, classWeights: null }
  const { inputShape } = architecture
  const weightsOf = (some: typeof layers) => ({ weights: some.flatMap(({ layer }) => layer.weights) })
  /** They stay as they are. */
  let brokenFrozen: Promise<string | null> | undefined
  const skipsBroken = onNonFinite === 'CONTINUE'
  // An engine that sees it in passing tells after the update; who leaves that out has to know before.
  const asks = skipsBroken || fusedLayers(tf) === undefined

  /** The last layer's gradients are computed first. */
  const firstBroken = (isBroken: (index: number) => boolean) => {
    const at = names.findLastIndex((_, index) => isBroken(index))
    return at < 0 ? null : names[at]
  }

  /** What the trained layers are given. */
  function inputOf(batch: TrainingBatch): tf.Tensor {
    if (frozen !== null && batch.isFrozenResult) return tf.tensor(batch.x, [batch.size, ...frozen.shape])
    const images = tf.tensor4d(batch.x, [batch.size, ...inputShape])
    return frozen === null ? images : frozen.forward(images)
  }

  function differentiate(batch: TrainingBatch) {
    const [loss, correct, ...gradients] = tf.tidy(() => {
      const x = inputOf(batch)
      let hits: tf.Tensor | undefined
      const { value, grads } = tf.variableGrads(() => {
        const outcome = batchLoss(forward(x) as tf.Tensor2D, batch, lossOptions)
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
    frozen,
    batchesTracked: new Map(),
    loss: lossOptions,
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
    async brokenWeight() {
      brokenFrozen ??= brokenWeight(weightsOf(layers.slice(0, transfer.frozen)))
      return (await brokenFrozen) ?? (await brokenWeight(weightsOf(trained)))
    },
    dispose() {
      stepper.dispose()
      model.dispose()
    },
  }
}

function frozenOf(model: tf.LayersModel, architecture: Architecture, layers: number): Frozen {
  const built = layersOf(model).slice(0, layers)
  const names = new Set(built.map(({ layer }) => layer.name))
  const tensors = torchTensors(architecture).filter(({ layer }) => names.has(layer))
  return {
    layers,
    forward: forwardOfPart(model, { from: 0, to: layers }, { training: false }),
    shape: built.at(-1)!.info.outputShape,
    names,
    counters: new Set(tensors.flatMap(({ counter }) => counter ?? [])),
  }
}
