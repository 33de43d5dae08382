import { open } from 'node:fs/promises'
import { numbersOf } from '../engine/numbers.ts'
import { writeWhole } from '../storage/whole.ts'
import { tf } from '../tensorflow.ts'
import type { Architecture } from '../zoo/architecture.ts'
import type { SafetensorsFile } from '../zoo/safetensors-file.ts'
import { loadWeights, weightVariables } from '../zoo/weights.ts'
import type { Stepper } from './optimizer.ts'
import type { TrainingSession } from './session.ts'
import { slotName } from './state.ts'

/** Where a tensor's float32 numbers lie in a snapshot, in the order of its variable. */
export interface SnapshotTensor {
  name: string
  shape: number[]
  /** In bytes. */
  begin: number
  /** In values. */
  length: number
}

/** What a session holds, in a file of its own: weights by their names in torchvision, slots by `slotName`. */
export interface Snapshot {
  path: string
  weights: SnapshotTensor[]
  slots: SnapshotTensor[]
}

/**
 * Copies a session's weights and slots to a file, between two steps. Into the page cache, that is: nothing waits for
 * the disk, and the process itself needs memory for one tensor, where a copy of its own would take as much as the
 * weights and slots do.
 */
export async function takeSnapshot(
  { model, stepper }: TrainingSession,
  architecture: Architecture,
  path: string,
): Promise<Snapshot> {
  const file = await open(path, 'w')
  let at = 0
  const append = async (name: string, tensor: tf.Tensor): Promise<SnapshotTensor> => {
    const data = await numbersOf(tensor)
    await writeWhole(file, new Uint8Array(data.buffer, data.byteOffset, data.byteLength))
    at += data.byteLength
    return { name, shape: tensor.shape, begin: at - data.byteLength, length: data.length }
  }
  try {
    const weights: SnapshotTensor[] = []
    for (const { tensor, variable } of weightVariables(model, architecture)) {
      weights.push(await append(tensor.name, variable.read()))
    }
    const slots: SnapshotTensor[] = []
    for (const { name, variable } of slotsOf(model, stepper)) slots.push(await append(name, variable))
    return { path, weights, slots }
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
