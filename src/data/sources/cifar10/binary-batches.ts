import { access, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { DecodedImages } from '../../dataset-file.ts'
import { BATCH_IMAGES, CIFAR10, TRAIN_BATCHES } from './facts.ts'

const PIXELS = 32 * 32
/** A record is the label, then the red, the green and the blue plane. */
const RECORD_BYTES = 1 + 3 * PIXELS
/** Images converted in one go, in about 10 ms: the server answers requests in between. */
const SLICE = 1000

/** The files that `binaryBatches` reads. */
export const BINARY_FILES = [...TRAIN_BATCHES.map((n) => `data_batch_${n}.bin`), 'test_batch.bin']

/** The folder itself, or the one in it that the official archive makes. */
export async function findBinaryFolder(folder: string): Promise<string> {
  const inner = join(folder, 'cifar-10-batches-bin')
  return access(inner).then(
    () => inner,
    () => folder,
  )
}

/** Images of the official binary version (https://www.cs.toronto.edu/~kriz/cifar.html), file by file. */
export async function* binaryBatches(folder: string): AsyncGenerator<DecodedImages, void> {
  for (const [batch, name] of BINARY_FILES.entries()) {
    const file = join(folder, name)
    const records = await readFile(file)
    if (records.length !== BATCH_IMAGES * RECORD_BYTES) {
      throw new Error(`${file} has ${records.length} bytes and not ${BATCH_IMAGES * RECORD_BYTES}`)
    }
    const labels = new Uint16Array(BATCH_IMAGES)
    const pixels = new Uint8Array(BATCH_IMAGES * 3 * PIXELS)
    for (let i = 0; i < BATCH_IMAGES; i++) {
      if (i % SLICE === 0) await nextTurn()
      const record = i * RECORD_BYTES
      labels[i] = records[record]
      if (labels[i] >= CIFAR10.classes.length)
        throw new Error(`${file} has the label ${labels[i]} at image ${i}`)
      interleave(records, record + 1, pixels, i * 3 * PIXELS)
    }
    const isTest = batch === TRAIN_BATCHES.length
    yield { split: isTest ? 'test' : 'train', first: isTest ? 0 : batch * BATCH_IMAGES, labels, pixels }
  }
}

/** [3, 32, 32] -> [32, 32, 3] */
function interleave(planes: Uint8Array, from: number, image: Uint8Array, to: number): void {
  for (let pixel = 0; pixel < PIXELS; pixel++) {
    image[to + 3 * pixel] = planes[from + pixel]
    image[to + 3 * pixel + 1] = planes[from + PIXELS + pixel]
    image[to + 3 * pixel + 2] = planes[from + 2 * PIXELS + pixel]
  }
}
