/**
 * A thread of the trainer that makes the files of a checkpoint out of a snapshot: transposing, hashing and waiting for
 * the disk take seconds for a large network, and training goes on meanwhile.
 */
import { parentPort } from 'node:worker_threads'
import { type CheckpointToWrite, createCheckpointFiles, type WrittenFiles } from './checkpoint-files.ts'

/** `code`: what the system answered (ENOSPC). */
export type WriterAnswer = WrittenFiles | { error: string; code?: string }

const { write } = createCheckpointFiles()

parentPort?.on('message', (job: CheckpointToWrite) => {
  write(job).then(
    (written) => parentPort?.postMessage(written satisfies WriterAnswer),
    (error: unknown) =>
      parentPort?.postMessage({
        error: error instanceof Error ? error.message : String(error),
        code: (error as NodeJS.ErrnoException | null)?.code,
      } satisfies WriterAnswer),
  )
})
