import type { Architecture } from '../architecture.ts'
import type { KerasLayer } from '../layers/keras.ts'
import { LayersModelError } from '../layers-model-error.ts'
import { writeSafetensors } from '../safetensors-file.ts'
import { type TorchTensor, torchTensors, toTorch } from '../torch-layout.ts'
import { compareTensors, type ExpectedTensor, type TensorOutline } from '../weights-mismatch.ts'
import { canonicalTensors, neutralValues } from './canonical.ts'
import { type ImportTarget, toRgb } from './import-target.ts'
import { readTopology } from './keras-topology.ts'
import { type MatchedLayer, matchLayers } from './match-layers.ts'
import { readModelJson } from './model-json.ts'
import { hereShape } from './naming.ts'
import { readTensors } from './unread.ts'
import { type ManifestWeight, openWeightFiles, type WeightFiles } from './weights-manifest.ts'

/**
 * Makes of a TF.js LayersModel, saved by TensorFlow.js or converted from Keras 2 or 3, the zoo's own safetensors file.
 * Its layers must compute what those of the network do, in their order (`readLayers`), whatever they are called; a batch
 * norm's epsilon may differ, and weights that nothing reads are passed over (`readTensors`). One tensor at a time is in
 * memory, twice.
 *
 * @param weightFiles  paths by the names that the model.json calls them by, without folders
 * @throws LayersModelError that says what is no LayersModel or not this network
 * @throws WeightsMismatchError that lists the weights that are missing, surplus or of the wrong shape
 */
export async function importLayersModel(
  modelJson: string,
  weightFiles: ReadonlyMap<string, string>,
  { architecture, target, metadata, channels }: ImportTarget,
): Promise<{ digest: string; bytes: number }> {
  const json = await readModelJson(modelJson)
  const matched = matchLayers(readTopology(json.modelTopology), architecture)
  const files = await openWeightFiles(json.weightsManifest, weightFiles)
  try {
    const sources = await findWeights(files, matched, architecture)
    const missing = neutralValues(architecture)
    return await writeSafetensors(target, canonicalTensors(architecture), metadata, async ({ name }) => {
      const source = sources.get(name)
      // Only the counters of batch norms have no source, and what the model does without.
      if (source === undefined) return missing(name) ?? new BigInt64Array(1)
      const { tensor, weight, shift } = source
      const data = await files.read(weight)
      for (let i = 0; i < data.length; i++) {
        if (shift !== 0) data[i]! += shift
        if (Number.isFinite(data[i])) continue
        throw new LayersModelError(
          `Weight ${JSON.stringify(weight.name)}: value ${i} is ${data[i]}; a network with it answers nothing.`,
        )
      }
      return toRgb(channels, tensor, toTorch(tensor, data))
    })
  } finally {
    await files.close()
  }
}

interface Source {
  tensor: TorchTensor
  weight: ManifestWeight
  /** Added to each value. */
  shift: number
}

/** Where each tensor of the network is, by its own name; those that the model was built without are left out. */
async function findWeights(
  files: WeightFiles,
  matched: readonly MatchedLayer[],
  architecture: Architecture,
): Promise<Map<string, Source>> {
  const tensors = torchTensors(architecture)
  const nameIn = weightNames([...files.weights.keys()])
  const expected: ExpectedTensor[] = []
  const places = new Map<string, { tensor: TorchTensor; shift: number }>()
  for (const { own, layer, without, shifts } of matched) {
    if (own.fixed !== undefined) {
      const { inputs, units, kernel } = own.fixed
      const name = nameIn(layer, 'kernel')
      expected.push({ name, shape: [inputs, units], type: 'float' })
      const weight = files.weights.get(name)
      if (weight !== undefined && weight.bytes <= 4 * kernel.length) {
        const values = await files.read(weight)
        if (values.length === kernel.length && values.every((it, i) => Math.abs(it - kernel[i]!) < 1e-6))
          continue
      }
      throw new LayersModelError(
        `Layer ${JSON.stringify(layer.name)} is not the average pool of ${architecture.name}.`,
      )
    }
    for (const tensor of tensors.filter((it) => it.layer === own.name && !without.includes(it.variable))) {
      const name = nameIn(layer, tensor.variable)
      expected.push({ name, shape: hereShape(tensor), type: 'float' })
      places.set(name, { tensor, shift: shifts[tensor.variable] ?? 0 })
    }
  }
  const outlines = [...files.weights.values()].map(outlineOfWeight)
  const read = new Set(
    readTensors(outlines).filter(({ name }) => files.weights.get(name)!.group !== 'optimizer'),
  )
  compareTensors(
    architecture.name,
    expected,
    outlines.filter((it) => read.has(it) || places.has(it.name)),
  )
  return new Map(
    [...places].map(([name, place]) => [place.tensor.name, { ...place, weight: files.weights.get(name)! }]),
  )
}

function outlineOfWeight({ name, shape, dtype }: ManifestWeight): TensorOutline {
  return { name, shape, type: dtype === 'float32' ? 'float' : dtype }
}

/**
 * The names of a layer's weights among those of the files: conv2d/kernel, or behind the names of the models that it lies
 * in and what else Keras puts before them: sequential/conv2d/kernel, conv2d/conv2d/kernel:0.
 */
function weightNames(names: readonly string[]): (layer: KerasLayer, variable: string) => string {
  const known = new Set(names)
  // By the last two parts, as every search begins.
  const byEnd = new Map<string, string[]>()
  for (const name of names) {
    const end = name.replace(/:\d+$/, '').split('/').slice(-2).join('/')
    byEnd.set(end, [...(byEnd.get(end) ?? []), name])
  }
  return ({ name, within }, variable) => {
    const own = `${name}/${variable}`
    if (known.has(own)) return own
    const candidates = byEnd.get(own.split('/').slice(-2).join('/')) ?? []
    for (let depth = 0; depth <= within.length; depth++) {
      const end = `/${[...within.slice(depth), own].join('/')}`
      const fitting = candidates.filter((it) => `/${it.replace(/:\d+$/, '')}`.endsWith(end))
      if (fitting.length === 1) return fitting[0]!
    }
    return own
  }
}
