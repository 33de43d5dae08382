import * as tf from '@tensorflow/tfjs'
import type { Architecture } from './architecture.ts'
import type { NamedTensor } from './safetensors.ts'
import { counterName, fromTorch, type TorchTensor, torchTensors, toTorch } from './torch-layout.ts'
import { checkTensors } from './weights-mismatch.ts'

/**
 * A model's weights with torchvision's names, shapes and orders, so that they load into PyTorch with strict=True.
 * Every batch norm gets its num_batches_tracked, as 0: PyTorch's `state_dict()` has one, some loaders compare all
 * keys, and only a batch norm with momentum=None would read it. The tensors share no memory with the model.
 */
export async function exportWeights(
  model: tf.LayersModel,
  architecture: Architecture,
): Promise<NamedTensor[]> {
  const tensors: NamedTensor[] = []
  for (const tensor of torchTensors(architecture)) {
    const data = (await variableOf(model, tensor).read().data()) as Float32Array
    tensors.push({ name: tensor.name, shape: tensor.shape, data: toTorch(tensor, data) })
    const counter = counterName(tensor)
    if (counter !== null) tensors.push({ name: counter, shape: [], data: new BigInt64Array(1) })
  }
  return tensors
}

/**
 * Sets a model's weights from tensors in torchvision's naming, bit for bit; num_batches_tracked is accepted and
 * not needed.
 *
 * @throws WeightsMismatchError that lists every missing, surplus or wrongly shaped tensor; the model is unchanged then.
 */
export function importWeights(
  model: tf.LayersModel,
  architecture: Architecture,
  tensors: readonly NamedTensor[],
): void {
  checkTensors(
    architecture,
    tensors.map(({ name, shape, data }) => ({ name, shape, float: data instanceof Float32Array })),
  )
  const byName = new Map(tensors.map((tensor) => [tensor.name, tensor.data as Float32Array]))
  for (const tensor of torchTensors(architecture)) {
    const variable = variableOf(model, tensor)
    const value = tf.tensor(fromTorch(tensor, byName.get(tensor.name)!), variable.shape as number[])
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
