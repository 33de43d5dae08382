/**
 * A thread of a trainer that makes batches ahead of the steps: it reads, verifies, distorts and normalises while the
 * main thread and the engine compute.
 */
import { parentPort, workerData } from 'node:worker_threads'
import type { BatchThreadData, FromBatchThread, ToBatchThread } from './batch-protocol.ts'
import { epochBatches, type ImageBatch, largestBatch } from './batches.ts'
import { openDatasetFile } from './dataset-file.ts'
import { DamagedDatasetError } from './errors.ts'
import { openSplit } from './split-images.ts'

const { file, digest, kept } = workerData as BatchThreadData
const dataset = openDatasetFile(file, digest, kept)
// Who asks for the first batch hears of it.
dataset.catch(() => {})

let wanted = 0
let batches: AsyncGenerator<ImageBatch, void> | undefined
/** Of batches that were used, all of one size: new pages cost as much time as what is written to them. */
let spare: ArrayBuffer[] = []
let work = Promise.resolve()

parentPort!.on('message', (message: ToBatchThread) => {
  wanted = message.epoch
  work = work.then(() => (message.type === 'epoch' ? open(message) : next(message)))
})

async function open({ epoch, split, options }: Extract<ToBatchThread, { type: 'epoch' }>): Promise<void> {
  batches = undefined
  await orTell(epoch, async () => {
    const images = await openSplit(await dataset, split)
    const bytes = Float32Array.BYTES_PER_ELEMENT * largestBatch(images, options)
    spare = spare.filter(({ byteLength }) => byteLength === bytes)
    batches = epochBatches(images, options, (length) => {
      return new Float32Array(spare.pop() ?? new ArrayBuffer(bytes), 0, length)
    })
  })
}

async function next({ epoch, buffer }: Extract<ToBatchThread, { type: 'next' }>): Promise<void> {
  if (buffer !== undefined) spare.push(buffer)
  if (epoch !== wanted || batches === undefined) return
  await orTell(epoch, async () => {
    const { value } = await batches!.next()
    if (value === undefined) return tell({ type: 'end', epoch })
    const { x, ...batch } = value
    const buffer = x.buffer as ArrayBuffer
    tell({ type: 'batch', epoch, buffer, batch }, [buffer])
  })
}

async function orTell(epoch: number, task: () => Promise<void>): Promise<void> {
  try {
    await task()
  } catch (error) {
    batches = undefined
    tell({ type: 'failed', epoch, error: error as Error, damaged: error instanceof DamagedDatasetError })
  }
}

function tell(message: FromBatchThread, transfer: ArrayBuffer[] = []): void {
  parentPort!.postMessage(message, transfer)
}
