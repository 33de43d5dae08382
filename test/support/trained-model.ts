import * as tf from '@tensorflow/tfjs'
import type { Preprocessing } from '../../src/models/preprocessing.ts'
import { COVER } from '../../src/pictures/resize.ts'
import type { ArtifactStore } from '../../src/ports/artifact-store.ts'
import type { ModelRef } from '../../src/predictor/protocol.ts'
import { findArchitecture } from '../../src/zoo/catalog.ts'
import { fitArchitecture } from '../../src/zoo/fit.ts'
import { buildModel, initializeWeights } from '../../src/zoo/model.ts'
import { putArtifact, saveWeights } from './weights.ts'

export const CIFAR10_LABELS = [
  'airplane',
  'automobile',
  'bird',
  'cat',
  'deer',
  'dog',
  'frog',
  'horse',
  'ship',
  'truck',
]

export interface TrainedModel extends ModelRef {
  /** [n, height, width, 3], normalised -> logits [n, classes], in this process. */
  forward(input: tf.Tensor4D): tf.Tensor2D
  dispose(): void
}

/** A network with random weights from a seed in an artifact store, and the same network in this process. */
export async function storeRandomModel(
  store: ArtifactStore,
  name: string,
  seed: number,
  change: (layer: string, variable: string, value: tf.Tensor) => tf.Tensor = (_layer, _variable, value) =>
    value,
): Promise<TrainedModel> {
  const base = findArchitecture(name)
  if (base === undefined) throw new Error(`The zoo has no ${name}.`)
  const architecture = fitArchitecture(base, [32, 32, 3], CIFAR10_LABELS.length)
  const model = buildModel(architecture)
  initializeWeights(model, seed)
  for (const layer of model.layers) {
    for (const variable of layer.weights) {
      const kind = variable.originalName.split('/').at(-1) ?? ''
      variable.write(tf.tidy(() => change(layer.name, kind, variable.read())))
    }
  }
  const digest = await putArtifact(store, (path) => saveWeights(model, architecture, path, {}))
  const preprocessing: Preprocessing = {
    size: [32, 32],
    resize: COVER,
    mean: [0.49, 0.48, 0.45],
    std: [0.25, 0.24, 0.26],
    labels: CIFAR10_LABELS,
  }
  return {
    digest,
    architecture,
    preprocessing,
    forward: (input) => tf.tidy(() => model.apply(input) as tf.Tensor2D),
    dispose: () => model.dispose(),
  }
}
