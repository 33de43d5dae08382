import * as tf from '@tensorflow/tfjs'
import type { Architecture } from './architecture.ts'
import { canonicalTensors } from './formats/canonical.ts'
import { type SafetensorsFile, writeSafetensors } from './safetensors-file.ts'
import { fromTorch, type TorchTensor, torchTensors, toTorch } from './torch-layout.ts'
import { checkTensors } from './weights-mismatch.ts'

/**
 * Writes a model's weights with torchvision's names, shapes and orders, so that they load into PyTorch with
 * strict=True. Every batch norm gets its num_batches_tracked, as 0: PyTorch's `state_dict()` has one, some loaders
 * compare all keys, and only a batch norm with momentum=None would read it. One tensor at a time is copied.
 *
 * @param path  safe on disk when this resolves
 */
export function saveWeights(
  model: tf.LayersModel,
  architecture: Architecture,
  path: string,
  metadata: Record<string, string>,
): Promise<{ digest: string; bytes: number }> {
  const byName = new Map(torchTensors(architecture).map((tensor) => [tensor.name, tensor]))
  return writeSafetensors(path, canonicalTensors(architecture), metadata, async ({ name }) => {
    const tensor = byName.get(name)
    // Only the counters belong to no variable.
    if (tensor === undefined) return new BigInt64Array(1)
    return toTorch(tensor, (await variableOf(model, tensor).read().data()) as Float32Array)
  })
}

/**
 * Sets a model's weights from a file in torchvision's naming, bit for bit and tensor by tensor; num_batches_tracked is
 * accepted and not needed.
 *
 * @throws WeightsMismatchError that lists every missing, surplus or wrongly shaped tensor; the model is unchanged then.
 */
export async function loadWeights(
  model: tf.LayersModel,
  architecture: Architecture,
  { header: { entries }, read }: Pick<SafetensorsFile, 'header' | 'read'>,
): Promise<void> {
  checkTensors(
    architecture,
    entries.map(({ name, shape, dtype }) => ({ name, shape, float: dtype !== 'I64' })),
  )
  const byName = new Map(entries.map((entry) => [entry.name, entry]))
  for (const tensor of torchTensors(architecture)) {
    const { data } = await read(byName.get(tensor.name)!)
    const variable = variableOf(model, tensor)
    const value = tf.tensor(fromTorch(tensor, data as Float32Array), variable.shape as number[])
    variable.write(value)
    value.dispose()
  }
}

function variableOf(model: tf.LayersModel, { layer, variable }: TorchTensor): tf.LayerVariable {
  const found = model
    .getLayer(layer)
    .weights.find(({ originalName }) => originalName === `${layer}/${variable}`)
  if (found === undefined) throw new Error(`Model ${model.name}: layer ${layer} has no ${variable}.`)
  return found
}
