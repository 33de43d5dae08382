import type { Architecture } from '../architecture.ts'
import { elementsOf, type TensorToWrite } from '../safetensors.ts'
import { torchTensors } from '../torch-layout.ts'

/**
 * The tensors of the zoo's own files: F32 in torchvision's names and order, and each batch norm's num_batches_tracked,
 * which PyTorch's `state_dict()` has.
 */
export function canonicalTensors(architecture: Architecture): TensorToWrite[] {
  return torchTensors(architecture).flatMap((tensor): TensorToWrite[] => {
    const { counter } = tensor
    const weights: TensorToWrite = { name: tensor.name, dtype: 'F32', shape: tensor.shape }
    return counter === null ? [weights] : [weights, { name: counter, dtype: 'I64', shape: [] }]
  })
}

/** By name, of a weight that a network was built without: what leaves its results as they are. Null for the counters. */
export function neutralValues(architecture: Architecture): (name: string) => Float32Array | null {
  const byName = new Map(torchTensors(architecture).map((tensor) => [tensor.name, tensor]))
  return (name) => {
    const tensor = byName.get(name)
    if (tensor === undefined) return null
    return new Float32Array(elementsOf(tensor.shape)).fill(tensor.neutral ?? 0)
  }
}
