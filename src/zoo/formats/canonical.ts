import type { Architecture } from '../architecture.ts'
import type { TensorToWrite } from '../safetensors.ts'
import { counterName, torchTensors } from '../torch-layout.ts'

/**
 * The tensors of the zoo's own files: F32 in torchvision's names and order, and each batch norm's num_batches_tracked,
 * which PyTorch's `state_dict()` has.
 */
export function canonicalTensors(architecture: Architecture): TensorToWrite[] {
  return torchTensors(architecture).flatMap((tensor): TensorToWrite[] => {
    const counter = counterName(tensor)
    const weights: TensorToWrite = { name: tensor.name, dtype: 'F32', shape: tensor.shape }
    return counter === null ? [weights] : [weights, { name: counter, dtype: 'I64', shape: [] }]
  })
}
