import type { Architecture } from '../architecture.ts'
import { writeSafetensors } from '../safetensors-file.ts'
import { type TorchTensor, torchTensors } from '../torch-layout.ts'
import { canonicalTensors } from './canonical.ts'

/**
 * Writes weights with torchvision's names, shapes and orders, so that they load into PyTorch with strict=True. Every
 * batch norm gets its num_batches_tracked: PyTorch's `state_dict()` has one, some loaders compare all keys, and a batch
 * norm with momentum=None goes on from it. One tensor at a time is copied.
 *
 * @param path  safe on disk when this resolves
 * @param read  the numbers of a tensor, in PyTorch's order (toTorch)
 * @param batchesTracked  training steps that a batch norm has seen, by the counter's name
 */
export function writeWeights(
  architecture: Architecture,
  path: string,
  metadata: Record<string, string>,
  read: (tensor: TorchTensor) => Promise<Float32Array>,
  batchesTracked: (counter: string) => bigint = () => 0n,
): Promise<{ digest: string; bytes: number }> {
  const byName = new Map(torchTensors(architecture).map((tensor) => [tensor.name, tensor]))
  return writeSafetensors(path, canonicalTensors(architecture), metadata, ({ name }) => {
    const tensor = byName.get(name)
    // Only the counters belong to no variable.
    return tensor === undefined ? BigInt64Array.of(batchesTracked(name)) : read(tensor)
  })
}
