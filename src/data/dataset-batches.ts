import { Worker } from 'node:worker_threads'
import type { BatchThreadData, FromBatchThread, ToBatchThread } from './batch-protocol.ts'
import { type BatchOptions, epochBatches, type ImageBatch, imagesOf } from './batches.ts'
import { type DatasetFacts, imageBytes, type Split } from './dataset-facts.ts'
import { contentBytes, openDatasetFile } from './dataset-file.ts'
import { DamagedDatasetError } from './errors.ts'
import { openSplit, type SplitImages } from './split-images.ts'

/** The images of a prepared data set, made into batches for a network while it computes. */
export interface DatasetBatches extends Pick<DatasetFacts, 'count' | 'imageShape'> {
  /**
   * One epoch of a split (epochBatches): the same, whoever makes them. A batch is the caller's until the next one is asked
   * for: its memory is used again. Who stops on the way ends the making.
   * @throws DamagedDatasetError
   */
  epoch(split: Split, options: BatchOptions): AsyncGenerator<ImageBatch, void>
  /** Throws DamagedDatasetError. */
  images(split: Split): Promise<SplitImages>
  close(): Promise<void>
}

/** Of images in memory, so that small ones are read and verified once: all of CIFAR-10 (184 MB). */
const KEPT_BYTES = 256 * 2 ** 20
/** One that is computed, one that is ready, one in the making. */
const BATCHES = 3
/** An epoch of so few bytes is made before a thread has started (40 ms). */
const SMALL_BYTES = 8 * 2 ** 20

/** What the images of a data set take in the memory of who makes batches of them, in bytes. */
export function batchMemory(dataset: Pick<DatasetFacts, 'count' | 'imageShape'>, batchSize: number): number {
  const batch = Float32Array.BYTES_PER_ELEMENT * batchSize * imageBytes(dataset)
  return Math.min(KEPT_BYTES, contentBytes(dataset)) + BATCHES * batch
}

/**
 * @param digest      Dataset.digest of what the file is to hold
 * @param entry       the compiled batch-thread.js, where this file itself is not compiled
 * @param smallBytes  epochs of so few bytes are made in this thread
 * @throws DamagedDatasetError
 */
export async function openBatches(
  file: string,
  digest: string,
  {
    entry = new URL('./batch-thread.js', import.meta.url),
    smallBytes = SMALL_BYTES,
  }: { entry?: URL; smallBytes?: number } = {},
): Promise<DatasetBatches> {
  const dataset = await openDatasetFile(file, digest, KEPT_BYTES)
  const { count, imageShape } = dataset.header
  const bytes = imageBytes(dataset.header)
  let thread: BatchThread | undefined
  return {
    count,
    imageShape,
    async *epoch(split, options) {
      if (bytes * imagesOf({ count: count[split] }, options) <= smallBytes) {
        yield* epochBatches(await openSplit(dataset, split), options)
        return
      }
      thread ??= startThread(entry, { file, digest, kept: KEPT_BYTES })
      yield* thread.epoch(split, options, bytes)
    },
    images: (split) => openSplit(dataset, split),
    async close() {
      await thread?.close()
      await dataset.close()
    },
  }
}

interface BatchThread {
  epoch(split: Split, options: BatchOptions, bytes: number): AsyncGenerator<ImageBatch, void>
  close(): Promise<void>
}

/** Epochs are made one at a time: one that is begun ends the one before. */
function startThread(entry: URL, data: BatchThreadData): BatchThread {
  const worker = new Worker(entry, { workerData: data, name: 'batches', execArgv: [] })
  worker.unref()
  let last = 0
  let answers: FromBatchThread[] = []
  let wake: (() => void) | undefined
  let failure: Error | undefined
  worker.on('message', (answer: FromBatchThread) => {
    if (answer.epoch !== last) return
    answers.push(answer)
    wake?.()
  })
  // It ends with an error that it does not expect; it has no other end than that or `close`.
  worker.on('error', (error) => {
    failure = error
    wake?.()
  })
  const send = (message: ToBatchThread, transfer: ArrayBuffer[] = []) => worker.postMessage(message, transfer)

  async function nextAnswer(): Promise<FromBatchThread> {
    while (answers.length === 0) {
      if (failure !== undefined) throw failure
      await new Promise<void>((resolve) => {
        wake = resolve
      })
    }
    return answers.shift()!
  }

  return {
    async *epoch(split, options, bytes) {
      const epoch = ++last
      answers = []
      send({ type: 'epoch', epoch, split, options })
      for (let i = 0; i < BATCHES; i++) send({ type: 'next', epoch })
      try {
        for (;;) {
          const answer = await nextAnswer()
          switch (answer.type) {
            case 'end':
              return
            case 'failed':
              throw answer.damaged ? new DamagedDatasetError(answer.error.message) : answer.error
            case 'batch': {
              const { buffer, batch } = answer
              yield { x: new Float32Array(buffer, 0, batch.size * bytes), ...batch }
              send({ type: 'next', epoch, buffer }, [buffer])
            }
          }
        }
      } finally {
        // Nothing more of this one is wanted.
        if (epoch === last) last++
        answers = []
      }
    },
    async close() {
      await worker.terminate()
    },
  }
}
