import * as tf from '@tensorflow/tfjs'
import type { ArtifactStore } from '../artifacts/store.ts'
import { analyze } from '../zoo/analysis.ts'
import type { Architecture } from '../zoo/architecture.ts'
import { forwardOf } from '../zoo/forward.ts'
import { buildModel } from '../zoo/model.ts'
import { decodeSafetensors } from '../zoo/safetensors.ts'
import { SafetensorsError } from '../zoo/safetensors-header.ts'
import { importWeights } from '../zoo/weights.ts'
import { WeightsMismatchError } from '../zoo/weights-mismatch.ts'
import { UnusableModelError } from './errors.ts'
import type { Preprocessing } from './preprocessing.ts'
import { rankedSoftmax } from './probabilities.ts'
import type { ClassProbability, ModelRef } from './protocol.ts'

/** A network with its weights in the memory of the engine. */
export interface Network {
  /** pictures: RGB bytes of the network's size, at least one. One list of probabilities each, in their order. */
  classify(pictures: readonly Uint8Array[]): Promise<ClassProbability[][]>
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
  artifacts: ArtifactStore,
): Promise<Network> {
  const file = await artifacts.get(digest)
  const model = buildModel(architecture)
  try {
    importWeights(model, architecture, decodeSafetensors(file).tensors)
  } catch (error) {
    model.dispose()
    if (!(error instanceof WeightsMismatchError || error instanceof SafetensorsError)) throw error
    throw new UnusableModelError(`${artifacts.path(digest)}: ${error.message}`)
  }
  const values = valuesOfBytes(preprocessing)
  const forward = forwardOf(model, { training: false })
  return {
    async classify(pictures) {
      const logits = tf.tidy(() => forward(inputTensor(pictures, values, preprocessing.size)))
      // [n, classes]
      const numbers = await logits.data()
      logits.dispose()
      const { labels } = preprocessing
      return pictures.map((_, index) =>
        rankedSoftmax(numbers.subarray(index * labels.length, (index + 1) * labels.length), labels),
      )
    },
    dispose() {
      model.dispose()
    },
  }
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
