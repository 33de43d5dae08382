import { tf } from '../tensorflow.ts'
import type { Architecture } from './architecture.ts'
import { variableOf } from './model.ts'
import type { SafetensorsFile } from './safetensors-file.ts'
import { countIn, fromTorch, type TorchTensor, torchTensors } from './torch-layout.ts'
import { checkTensors, outlineOf } from './weights-mismatch.ts'

/** A model's variables beside the tensors that they are in a file, in the file's order. */
export function weightVariables(
  model: tf.LayersModel,
  architecture: Architecture,
): { tensor: TorchTensor; variable: tf.LayerVariable }[] {
  return torchTensors(architecture).map((tensor) => ({
    tensor,
    variable: variableOf(model.getLayer(tensor.layer), tensor.variable),
  }))
}

/**
 * Sets a model's weights from a file in torchvision's naming, bit for bit and tensor by tensor; num_batches_tracked is
 * accepted and not needed.
 *
 * @param except  layers that keep what they have: whatever the file has of them is left
 * @returns the name of a tensor with a value that is not finite; null when there is none
 * @throws WeightsMismatchError that lists every missing, surplus or wrongly shaped tensor; the model is unchanged then.
 */
export async function loadWeights(
  model: tf.LayersModel,
  architecture: Architecture,
  { header: { entries }, read }: Pick<SafetensorsFile, 'header' | 'read'>,
  except: ReadonlySet<string> = new Set(),
): Promise<string | null> {
  let broken: string | null = null
  checkTensors(architecture, entries.map(outlineOf), except)
  const byName = new Map(entries.map((entry) => [entry.name, entry]))
  for (const tensor of torchTensors(architecture)) {
    if (except.has(tensor.layer)) continue
    const { data } = await read(byName.get(tensor.name)!)
    const variable = variableOf(model.getLayer(tensor.layer), tensor.variable)
    const value = tf.tensor(fromTorch(tensor, data as Float32Array), variable.shape as number[])
    variable.write(value)
    value.dispose()
    if (!areFinite(data as Float32Array)) broken ??= tensor.name
  }
  return broken
}

function areFinite(values: Float32Array): boolean {
  // Of what is not finite the difference with itself is NaN; a loop, as VGG-16 has 138 million values.
  for (let i = 0; i < values.length; i++) if (values[i]! - values[i]! !== 0) return false
  return true
}

/** The batch norms' counters in a file, by their names. */
export async function readCounters(
  architecture: Architecture,
  { header: { entries }, read }: Pick<SafetensorsFile, 'header' | 'read'>,
): Promise<Map<string, bigint>> {
  const names = new Set(torchTensors(architecture).map(({ counter }) => counter))
  const counters = new Map<string, bigint>()
  for (const entry of entries) {
    if (names.has(entry.name)) counters.set(entry.name, countIn((await read(entry)).data))
  }
  return counters
}
