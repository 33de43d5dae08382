import { numbersOf } from '../engine/numbers.ts'
import type { Preprocessing } from '../models/preprocessing.ts'
import type { ArtifactStore } from '../ports/artifact-store.ts'
import { tf } from '../tensorflow.ts'
import { analyze } from '../zoo/analysis.ts'
import type { Architecture } from '../zoo/architecture.ts'
import { resultsOf, stepsOf } from '../zoo/forward.ts'
import { buildModel } from '../zoo/model.ts'
import { openSafetensors } from '../zoo/safetensors-file.ts'
import { SafetensorsError } from '../zoo/safetensors-header.ts'
import { loadWeights } from '../zoo/weights.ts'
import { WeightsMismatchError } from '../zoo/weights-mismatch.ts'
import { UnusableModelError } from './errors.ts'
import type { Activations } from './feature-maps.ts'
import type { GradientRequest, LayerRequest, ModelRef } from './protocol.ts'
import { featuresOf } from './reasons/features.ts'
import { gradCam, inputGradient } from './reasons/gradients.ts'

/** A network with its weights in the memory of the engine. */
export interface Network {
  /**
   * pictures: RGB bytes of the network's size, at least one. -> logits [n, classes], row by row; all NaN when a weight is
   * not finite, whatever an engine would make of it: in XNNPACK's ReLU NaN is 0.
   * pause: called between layers; what it computes meanwhile must not be of this network's tensors.
   */
  logits(pictures: readonly Uint8Array[], pause?: () => Promise<void>): Promise<Float32Array>
  /**
   * What a layer makes of one picture, its first channels [h, w, c] or units [c]; values row by row, channels last.
   * Throws UnusableModelError for a layer that the network does not have.
   */
  activations(picture: Uint8Array, request: LayerRequest): Promise<Activations>
  /** How much each place of a picture moves the logit of a class: [h, w], row by row. See reasons/gradients.ts. */
  gradient(picture: Uint8Array, request: GradientRequest): Promise<Float32Array>
  /** What the last layer is given: [n, units], row by row. */
  features(pictures: readonly Uint8Array[]): Promise<Float32Array>
  dispose(): void
}

/** What its weights take, in bytes of float32. */
export function weightBytes(architecture: Architecture): number {
  return analyze(architecture).parameterCount * 4
}

/**
 * Reads, verifies and loads the weights.
 *
 * @throws DamagedArtifactError when the file is missing or altered
 * @throws UnusableModelError when it is whole and does not fit the architecture
 */
export async function loadNetwork(
  { digest, architecture, preprocessing }: ModelRef,
  artifacts: Pick<ArtifactStore, 'materialise'>,
): Promise<Network> {
  const path = await artifacts.materialise(digest)
  const model = buildModel(architecture)
  let broken: string | null
  try {
    const file = await openSafetensors(path)
    broken = await loadWeights(model, architecture, file).finally(() => file.close())
  } catch (error) {
    model.dispose()
    if (!(error instanceof WeightsMismatchError || error instanceof SafetensorsError)) throw error
    throw new UnusableModelError(`${path}: ${error.message}`)
  }
  const values = valuesOfBytes(preprocessing)
  const steps = stepsOf(model)
  const features = featuresOf(model)

  /** The numbers that a computation makes of pictures; all NaN with weights that are not finite, as below. */
  async function numbers(
    pictures: readonly Uint8Array[],
    compute: (x: tf.Tensor4D) => tf.Tensor,
  ): Promise<Float32Array> {
    const output = tf.tidy(() => compute(inputTensor(pictures, values, preprocessing.size)))
    try {
      const found = await numbersOf(output)
      return broken === null ? found : found.fill(Number.NaN)
    } finally {
      output.dispose()
    }
  }

  return {
    async logits(pictures, pause) {
      if (broken !== null) return new Float32Array(pictures.length * architecture.classes).fill(Number.NaN)
      let value: tf.Tensor = inputTensor(pictures, values, preprocessing.size)
      try {
        for (const [index, step] of steps.entries()) {
          if (index > 0) await pause?.()
          const before = value
          value = tf.tidy(() => step(before))
          if (value !== before) before.dispose()
        }
        return await numbersOf(value)
      } finally {
        value.dispose()
      }
    },
    async activations(picture, { layer, first }) {
      const output = tf.tidy(() => {
        const value = resultOf(model, layer, inputTensor([picture], values, preprocessing.size))
        const [height, width, channels] = value.rank === 4 ? value.shape.slice(1) : [1, 1, value.shape[1]!]
        const maps = value.reshape([height!, width!, channels!])
        return maps.slice([0, 0, 0], [height!, width!, Math.min(first, channels!)]) as tf.Tensor3D
      })
      const [height, width, channels] = output.shape
      const data = await numbersOf(output)
      output.dispose()
      return { height, width, channels, data }
    },
    gradient: (picture, { method, class: index }) =>
      numbers([picture], (x) => (method === 'GRADIENT' ? inputGradient : gradCam)(model, x, index)),
    features: (pictures) => numbers(pictures, features),
    dispose() {
      model.dispose()
    },
  }
}

function resultOf(model: tf.LayersModel, layer: string, x: tf.Tensor): tf.Tensor {
  for (const { name, result } of resultsOf(model, x)) if (name === layer) return result
  throw new UnusableModelError(`The network has no layer "${layer}".`)
}

/** The normalised value of every byte in each channel, [3 * 256]: (byte / 255 - mean) / std. */
function valuesOfBytes({ mean, std }: Preprocessing): Float32Array {
  return Float32Array.from({ length: 3 * 256 }, (_, at) => {
    const channel = at >> 8
    return ((at & 255) / 255 - mean[channel]!) / std[channel]!
  })
}

/** -> [n, height, width, 3] */
function inputTensor(
  pictures: readonly Uint8Array[],
  values: Float32Array,
  [height, width]: Preprocessing['size'],
): tf.Tensor4D {
  const input = new Float32Array(pictures.length * height * width * 3)
  let at = 0
  for (const picture of pictures) {
    for (let byte = 0; byte < picture.length; byte++)
      input[at++] = values[((byte % 3) << 8) | picture[byte]!]!
  }
  return tf.tensor4d(input, [pictures.length, height, width, 3])
}
