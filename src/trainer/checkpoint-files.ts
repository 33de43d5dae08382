import { createHash } from 'node:crypto'
import { open } from 'node:fs/promises'
import { readWhole } from '../storage/whole.ts'
import type { Architecture } from '../zoo/architecture.ts'
import { writeWeights } from '../zoo/formats/write-weights.ts'
import { bytesOf } from '../zoo/safetensors.ts'
import { openSafetensors, type SafetensorsFile } from '../zoo/safetensors-file.ts'
import { type TorchTensor, toTorch } from '../zoo/torch-layout.ts'
import type { WeightsSnapshot } from './snapshot.ts'

const PIECE_BYTES = 2 ** 20

export interface CheckpointToWrite {
  trained: WeightsSnapshot
  /** Where the writer has asked for it. */
  frozen: WeightsSnapshot | null
  /** Of the optimizer. */
  updates: number
  /** See TrainingSession. */
  batchesTracked: ReadonlyMap<string, bigint>
  /** Of Frozen; none where all layers are trained. */
  frozenCounters: ReadonlySet<string>
  architecture: Architecture
  metadata: Record<string, string>
  weightsPath: string
  /** A file that is written, and not safe on disk. */
  statePath: string
}

interface WrittenFile {
  digest: string
  bytes: number
}

/** `needsFrozen`: it is to be told again, with the weights of the frozen layers. */
export type WrittenFiles = { weights: WrittenFile; state: WrittenFile } | { needsFrozen: true }

export interface CheckpointFiles {
  write(job: CheckpointToWrite): Promise<WrittenFiles>
  close(): Promise<void>
}

class NeedsFrozenError extends Error {}

/**
 * Makes the files of a run's checkpoints. What frozen layers have does not change: it is asked for once, and then taken from
 * the file before, as it lies there, unless the disk has altered or lost it.
 */
export function createCheckpointFiles(): CheckpointFiles {
  /** The last that was written, open: the newest of a run is kept. */
  let before: SafetensorsFile | undefined
  /** Of the frozen layers' tensors, in PyTorch's order. */
  const digests = new Map<string, string>()

  async function fromBefore(name: string): Promise<Float32Array> {
    const entry = before?.header.entries.find((one) => one.name === name)
    if (before === undefined || entry === undefined) throw new NeedsFrozenError()
    const data = await before.read(entry).then(
      (tensor) => tensor.data as Float32Array,
      () => null,
    )
    if (data === null || digestOf(data) !== digests.get(name)) throw new NeedsFrozenError()
    return data
  }

  async function writeAll(job: CheckpointToWrite): Promise<WrittenFile> {
    const { trained, frozen } = job
    const read = async (tensor: TorchTensor): Promise<Float32Array> => {
      const { name } = tensor
      if (trained.tensors.has(name)) return toTorch(tensor, await readFrom(trained, name))
      if (frozen === null) return fromBefore(name)
      const data = toTorch(tensor, await readFrom(frozen, name))
      digests.set(name, digestOf(data))
      return data
    }
    const written = await writeWeights(
      job.architecture,
      job.weightsPath,
      job.metadata,
      read,
      // A step that was left out left the statistics as they were, too.
      (counter) =>
        (job.batchesTracked.get(counter) ?? 0n) +
        (job.frozenCounters.has(counter) ? 0n : BigInt(job.updates)),
    )
    if (digests.size > 0) {
      const file = await openSafetensors(job.weightsPath)
      await before?.close()
      before = file
    }
    return written
  }

  return {
    async write(job) {
      try {
        return { weights: await writeAll(job), state: await finish(job.statePath) }
      } catch (error) {
        if (error instanceof NeedsFrozenError && job.frozen === null) return { needsFrozen: true }
        throw error
      }
    },
    close: async () => before?.close(),
  }
}

async function readFrom({ path, tensors }: WeightsSnapshot, name: string): Promise<Float32Array> {
  const { begin, length } = tensors.get(name)!
  const data = new Float32Array(length)
  const file = await open(path, 'r')
  try {
    if (await readWhole(file, bytesOf({ data }), begin)) return data
  } finally {
    await file.close()
  }
  throw new Error(`The snapshot ${path} is too short.`)
}

/** Has a file that is written be safe on disk, and reads it for its digest. */
async function finish(path: string): Promise<WrittenFile> {
  const file = await open(path, 'r+')
  try {
    const hash = createHash('sha256')
    const piece = new Uint8Array(PIECE_BYTES)
    for (let bytes = 0; ; ) {
      const { bytesRead } = await file.read(piece, 0, piece.length, bytes)
      if (bytesRead === 0) {
        await file.sync()
        return { digest: hash.digest('hex'), bytes }
      }
      hash.update(piece.subarray(0, bytesRead))
      bytes += bytesRead
    }
  } finally {
    await file.close()
  }
}

function digestOf(data: Float32Array): string {
  return createHash('sha256').update(bytesOf({ data })).digest('hex')
}
