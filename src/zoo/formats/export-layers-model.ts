import { mkdir, open, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Architecture } from '../architecture.ts'
import type { StandardLayer } from '../layers/standard-layer.ts'
import { bytesOf } from '../safetensors.ts'
import { openSafetensors } from '../safetensors-file.ts'
import { fromTorch, type TorchTensor, torchTensors } from '../torch-layout.ts'
import { checkTensors, outlineOf } from '../weights-mismatch.ts'
import { hereShape } from './naming.ts'
import { standardLayers } from './standard-layers.ts'

/**
 * One file, however large: `tf.loadLayersModel` asks for all files before it reads the first, and a browser that has
 * six connections to the server then waits for ever for the seventh.
 */
const WEIGHTS_FILE = 'weights.bin'

interface Weight {
  name: string
  shape: number[]
  source: { tensor: TorchTensor } | { kernel: Float32Array }
}

/**
 * Writes a network as a TF.js LayersModel that `tf.loadLayersModel` opens without any class of ours: model.json and
 * its weights. Its input is a normalised picture [n, height, width, 3], its output probabilities [n, classes]. One
 * tensor at a time is in memory, twice.
 *
 * @param source  the zoo's own safetensors file
 * @param folder  made if it is not there
 * @param metadata  what `model.getUserDefinedMetadata()` then answers
 * @throws LayersModelError for a network that standard layers cannot express
 * @throws SafetensorsError, WeightsMismatchError when the file is not that of the network
 */
export async function exportLayersModel(
  source: string,
  architecture: Architecture,
  folder: string,
  metadata: Record<string, unknown>,
): Promise<void> {
  const layers = standardLayers(architecture)
  const weights = weightsOf(layers, architecture)
  const model = {
    format: 'layers-model',
    generatedBy: 'vggzoo',
    convertedBy: null,
    userDefinedMetadata: metadata,
    modelTopology: topology(layers, architecture),
    weightsManifest: [
      {
        paths: [WEIGHTS_FILE],
        weights: weights.map(({ name, shape }) => ({ name, shape, dtype: 'float32' })),
      },
    ],
  }
  const file = await openSafetensors(source)
  try {
    const { entries } = file.header
    checkTensors(architecture, entries.map(outlineOf))
    const entryOf = new Map(entries.map((entry) => [entry.name, entry]))
    await mkdir(folder, { recursive: true })
    const output = await open(join(folder, WEIGHTS_FILE), 'w')
    try {
      for (const { source: from } of weights) {
        const data =
          'kernel' in from
            ? from.kernel
            : fromTorch(from.tensor, (await file.read(entryOf.get(from.tensor.name)!)).data as Float32Array)
        await output.writeFile(bytesOf({ data }))
      }
    } finally {
      await output.close()
    }
    await writeFile(join(folder, 'model.json'), JSON.stringify(model))
  } finally {
    await file.close()
  }
}

function weightsOf(layers: readonly StandardLayer[], architecture: Architecture): Weight[] {
  const tensors = torchTensors(architecture)
  return layers.flatMap((layer): Weight[] => {
    if (layer.fixed !== undefined) {
      const { inputs, units, kernel } = layer.fixed
      return [{ name: `${layer.name}/kernel`, shape: [inputs, units], source: { kernel } }]
    }
    const own = tensors.filter((tensor) => tensor.layer === layer.name)
    return own.map((tensor) => ({
      name: `${layer.name}/${tensor.variable}`,
      shape: hereShape(tensor),
      source: { tensor },
    }))
  })
}

/** The Keras form of a model, as TensorFlow.js saves it. */
function topology(layers: readonly StandardLayer[], { name, inputShape }: Architecture): object {
  const input = {
    class_name: 'InputLayer',
    config: { batch_input_shape: [null, ...inputShape], dtype: 'float32', sparse: false, name: 'input' },
  }
  return {
    class_name: 'Sequential',
    config: { name, layers: [input, ...layers.map(kerasLayer)] },
    keras_version: 'tfjs-layers 4.22.0',
    backend: 'tensor_flow.js',
  }
}

function kerasLayer({ name, className, config }: StandardLayer): object {
  return { class_name: className, config: { name, trainable: true, ...config } }
}
