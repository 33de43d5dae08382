import { readFile } from 'node:fs/promises'
import type { Architecture } from '../architecture.ts'
import { writeSafetensors } from '../safetensors-file.ts'
import { type TorchTensor, torchTensors, toTorch } from '../torch-layout.ts'
import { compareTensors, type ExpectedTensor } from '../weights-mismatch.ts'
import { canonicalTensors } from './canonical.ts'
import { type ImportTarget, toRgb } from './import-target.ts'
import { readTopology } from './keras-topology.ts'
import { type MatchedLayer, matchLayers } from './match-layers.ts'
import { hereShape } from './naming.ts'
import { LayersModelError } from './standard-layers.ts'
import { type ManifestWeight, openWeightFiles, type WeightFiles } from './weights-manifest.ts'

/**
 * Makes of a TF.js LayersModel, saved by TensorFlow.js or converted from Keras, the zoo's own safetensors file. Its
 * layers must be those of the network in their order, whatever they are called; a batch norm's epsilon may differ.
 * One tensor at a time is in memory, twice.
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
  const json = parse(await readFile(modelJson, 'utf8'))
  const matched = matchLayers(readTopology(json.modelTopology), architecture)
  const files = await openWeightFiles(json.weightsManifest, weightFiles)
  try {
    const sources = await findWeights(files, matched, architecture)
    return await writeSafetensors(target, canonicalTensors(architecture), metadata, async ({ name }) => {
      const source = sources.get(name)
      // Only the counters of batch norms have no source.
      if (source === undefined) return new BigInt64Array(1)
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

function parse(text: string): { modelTopology?: unknown; weightsManifest?: unknown } {
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch (error) {
    throw new LayersModelError(`The model.json is not JSON: ${(error as Error).message}`)
  }
  if (typeof json !== 'object' || json === null)
    throw new LayersModelError('The model.json is not an object.')
  return json
}

interface Source {
  tensor: TorchTensor
  weight: ManifestWeight
  /** Added to each value. */
  shift: number
}

/** Where each tensor of the network is, by its own name. */
async function findWeights(
  files: WeightFiles,
  matched: readonly MatchedLayer[],
  architecture: Architecture,
): Promise<Map<string, Source>> {
  const tensors = torchTensors(architecture)
  const expected: ExpectedTensor[] = []
  const places = new Map<string, { tensor: TorchTensor; shift: number }>()
  for (const { layer, name, varianceShift } of matched) {
    if (layer.kind === 'DENSE' && layer.fixed !== undefined) {
      const { inputs, kernel } = layer.fixed
      expected.push({ name: `${name}/kernel`, shape: [inputs, layer.units], float: true })
      const weight = files.weights.get(`${name}/kernel`)
      if (weight !== undefined && weight.bytes <= 4 * kernel.length) {
        const values = await files.read(weight)
        if (values.length === kernel.length && values.every((it, i) => Math.abs(it - kernel[i]!) < 1e-6))
          continue
      }
      throw new LayersModelError(
        `Layer ${JSON.stringify(name)} is not the average pool of ${architecture.name}.`,
      )
    }
    for (const tensor of tensors.filter((it) => it.layer === layer.name)) {
      const weight = `${name}/${tensor.variable}`
      expected.push({ name: weight, shape: hereShape(tensor), float: true })
      places.set(weight, { tensor, shift: tensor.variable === 'moving_variance' ? varianceShift : 0 })
    }
  }
  compareTensors(
    architecture.name,
    expected,
    [...files.weights.values()].map(({ name, shape }) => ({ name, shape, float: true })),
  )
  return new Map(
    [...places].map(([name, place]) => [place.tensor.name, { ...place, weight: files.weights.get(name)! }]),
  )
}
