import { type FileHandle, open } from 'node:fs/promises'
import { numbersOf } from '../engine/numbers.ts'
import { writeWhole } from '../storage/whole.ts'
import { tf } from '../tensorflow.ts'
import type { Architecture } from '../zoo/architecture.ts'
import { bytesOf, encodeHeader } from '../zoo/safetensors.ts'
import type { SafetensorsFile } from '../zoo/safetensors-file.ts'
import { loadWeights, weightVariables } from '../zoo/weights.ts'
import type { Stepper } from './optimizer.ts'
import type { TrainingSession } from './session.ts'
import { STATE_KEY, slotName, type TrainerState } from './state.ts'

/** Where a tensor's float32 numbers lie in a snapshot, in the order of its variable. */
export interface SnapshotTensor {
  /** In bytes. */
  begin: number
  /** In values. */
  length: number
}

/** Weights in a file of their own, by their names in torchvision. */
export interface WeightsSnapshot {
  path: string
  tensors: ReadonlyMap<string, SnapshotTensor>
}

/**
 * Copies weights of a session to a file, between two steps. Into the page cache, that is: nothing waits for the disk, and
 * the process itself needs memory for one tensor, where a copy of its own would take as much as the weights do.
 *
 * @param which  those that no step changes, for which it need not be between two; or the others
 */
export async function copyWeights(
  { model, frozen }: TrainingSession,
  architecture: Architecture,
  which: 'frozen' | 'trained',
  path: string,
): Promise<WeightsSnapshot> {
  const tensors = new Map<string, SnapshotTensor>()
  await writing(path, async (append) => {
    let begin = 0
    for (const { tensor, variable } of weightVariables(model, architecture)) {
      if ((frozen?.names.has(tensor.layer) ?? false) !== (which === 'frozen')) continue
      const length = await append(variable.read())
      tensors.set(tensor.name, { begin, length })
      begin += length * Float32Array.BYTES_PER_ELEMENT
    }
  })
  return { path, tensors }
}

/** Writes the file of a state, slots and all, as `copyWeights` does: it is not safe on disk yet. */
export async function writeState(
  { model, stepper }: TrainingSession,
  state: TrainerState,
  path: string,
): Promise<void> {
  const slots = slotsOf(model, stepper)
  const outlines = slots.map(({ name, variable: { shape } }) => ({ name, shape, dtype: 'F32' as const }))
  // Tensors of one type stay in their order.
  const { prefix } = encodeHeader(outlines, { [STATE_KEY]: JSON.stringify(state) })
  await writing(path, async (append, file) => {
    await writeWhole(file, prefix)
    for (const { variable } of slots) await append(variable)
  })
}

/** Makes a file to which tensors can be appended; that answers how many values they have. */
async function writing(
  path: string,
  fill: (append: (tensor: tf.Tensor) => Promise<number>, file: FileHandle) => Promise<void>,
): Promise<void> {
  const file = await open(path, 'w')
  try {
    await fill(async (tensor) => {
      const data = await numbersOf(tensor)
      await writeWhole(file, bytesOf({ data }))
      return data.length
    }, file)
  } finally {
    await file.close()
  }
}

/** Gives a session what another one had: bit for bit. */
export async function restore(
  { model, stepper }: TrainingSession,
  architecture: Architecture,
  weights: SafetensorsFile,
  slots: SafetensorsFile,
): Promise<void> {
  await loadWeights(model, architecture, weights)
  const entries = new Map(slots.header.entries.map((entry) => [entry.name, entry]))
  for (const { name, variable } of slotsOf(model, stepper)) {
    const entry = entries.get(name)
    if (entry === undefined) throw new Error(`The checkpoint has no ${name}.`)
    const { data } = await slots.read(entry)
    const value = tf.tensor(data as Float32Array, variable.shape)
    variable.assign(value)
    value.dispose()
  }
}

function slotsOf({ trainableWeights }: tf.LayersModel, { slots }: Stepper) {
  return Object.entries(slots).flatMap(([role, ofRole]) =>
    ofRole.map((variable, i) => ({ name: slotName(trainableWeights[i].originalName, role), variable })),
  )
}
