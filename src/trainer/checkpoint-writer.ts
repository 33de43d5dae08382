/**
 * A thread of the trainer that makes the files of a checkpoint out of a snapshot: transposing, hashing and waiting for
 * the disk take seconds for a large network, and training goes on meanwhile.
 */
import { open } from 'node:fs/promises'
import { parentPort } from 'node:worker_threads'
import { readWhole } from '../storage/whole.ts'
import type { Architecture } from '../zoo/architecture.ts'
import { writeWeights } from '../zoo/formats/write-weights.ts'
import { writeSafetensors } from '../zoo/safetensors-file.ts'
import type { Snapshot, SnapshotTensor } from './snapshot.ts'
import { STATE_KEY, type TrainerState } from './state.ts'

export interface CheckpointToWrite {
  snapshot: Snapshot
  state: TrainerState
  /** See TrainingSession. */
  batchesTracked: ReadonlyMap<string, bigint>
  /** Of Frozen; none where all layers are trained. */
  frozenCounters: ReadonlySet<string>
  architecture: Architecture
  metadata: Record<string, string>
  weightsPath: string
  statePath: string
}

interface WrittenFile {
  digest: string
  bytes: number
}

/** `code`: what the system answered (ENOSPC). */
export type WrittenCheckpoint =
  | { weights: WrittenFile; state: WrittenFile }
  | { error: string; code?: string }

parentPort?.on('message', (job: CheckpointToWrite) => {
  write(job).then(
    (written) => parentPort?.postMessage(written satisfies WrittenCheckpoint),
    (error: unknown) =>
      parentPort?.postMessage({
        error: error instanceof Error ? error.message : String(error),
        code: (error as NodeJS.ErrnoException | null)?.code,
      } satisfies WrittenCheckpoint),
  )
})

async function write(job: CheckpointToWrite): Promise<WrittenCheckpoint> {
  const { snapshot, architecture, metadata } = job
  const file = await open(snapshot.path, 'r')
  const read = async ({ begin, length }: SnapshotTensor) => {
    const data = new Float32Array(length)
    const bytes = new Uint8Array(data.buffer)
    if (!(await readWhole(file, bytes, begin))) throw new Error(`The snapshot ${snapshot.path} is too short.`)
    return data
  }
  const byName = (tensors: SnapshotTensor[]) => new Map(tensors.map((tensor) => [tensor.name, tensor]))
  try {
    const weightsByName = byName(snapshot.weights)
    const weights = await writeWeights(
      architecture,
      job.weightsPath,
      metadata,
      ({ name }) => read(weightsByName.get(name)!),
      // A step that was left out left the statistics as they were, too.
      (counter) =>
        (job.batchesTracked.get(counter) ?? 0n) +
        (job.frozenCounters.has(counter) ? 0n : BigInt(job.state.updates)),
    )
    const slotsByName = byName(snapshot.slots)
    const state = await writeSafetensors(
      job.statePath,
      snapshot.slots.map(({ name, shape }) => ({ name, shape, dtype: 'F32' as const })),
      { [STATE_KEY]: JSON.stringify(job.state) },
      ({ name }) => read(slotsByName.get(name)!),
    )
    return { weights, state }
  } finally {
    await file.close()
  }
}
