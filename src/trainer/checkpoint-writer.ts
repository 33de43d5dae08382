/**
 * A thread of the trainer that makes the files of a checkpoint out of a snapshot: transposing, hashing and waiting for
 * the disk take seconds for a large network, and training goes on meanwhile.
 */
import { createHash } from 'node:crypto'
import { open } from 'node:fs/promises'
import { parentPort } from 'node:worker_threads'
import { readWhole } from '../storage/whole.ts'
import type { Architecture } from '../zoo/architecture.ts'
import { writeWeights } from '../zoo/formats/write-weights.ts'
import { bytesOf } from '../zoo/safetensors.ts'
import type { Snapshot } from './snapshot.ts'
import type { TrainerState } from './state.ts'

const PIECE_BYTES = 2 ** 20

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
  const file = await open(snapshot.weightsPath, 'r')
  const read = async (name: string) => {
    const { begin, length } = snapshot.weights.get(name)!
    const data = new Float32Array(length)
    if (await readWhole(file, bytesOf({ data }), begin)) return data
    throw new Error(`The snapshot ${snapshot.weightsPath} is too short.`)
  }
  try {
    const weights = await writeWeights(
      architecture,
      job.weightsPath,
      metadata,
      ({ name }) => read(name),
      // A step that was left out left the statistics as they were, too.
      (counter) =>
        (job.batchesTracked.get(counter) ?? 0n) +
        (job.frozenCounters.has(counter) ? 0n : BigInt(job.state.updates)),
    )
    return { weights, state: await finish(snapshot.statePath) }
  } finally {
    await file.close()
  }
}

/** Has a file that is written be safe on disk, and reads it for its digest. */
async function finish(path: string): Promise<WrittenFile> {
  const file = await open(path, 'r+')
  try {
    const hash = createHash('sha256')
    let bytes = 0
    const piece = new Uint8Array(PIECE_BYTES)
    for (;;) {
      const { bytesRead } = await file.read(piece, 0, piece.length, bytes)
      if (bytesRead === 0) break
      hash.update(piece.subarray(0, bytesRead))
      bytes += bytesRead
    }
    await file.sync()
    return { digest: hash.digest('hex'), bytes }
  } finally {
    await file.close()
  }
}
