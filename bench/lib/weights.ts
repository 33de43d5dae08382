import type * as tf from '@tensorflow/tfjs'
import type { Architecture } from '../../src/zoo/architecture.ts'
import { writeWeights } from '../../src/zoo/formats/write-weights.ts'
import { toTorch } from '../../src/zoo/torch-layout.ts'
import { weightVariables } from '../../src/zoo/weights.ts'

/** Writes the weights of a model on the engine of this process to a safetensors file. */
export function saveWeights(
  model: tf.LayersModel,
  architecture: Architecture,
  path: string,
): Promise<{ digest: string; bytes: number }> {
  const variables = new Map(
    weightVariables(model, architecture).map(({ tensor, variable }) => [tensor.name, variable]),
  )
  return writeWeights(architecture, path, {}, async (tensor) =>
    toTorch(tensor, (await variables.get(tensor.name)!.read().data()) as Float32Array),
  )
}
