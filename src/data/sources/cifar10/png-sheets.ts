import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import sharp from 'sharp'
import type { Split } from '../../dataset-facts.ts'
import type { DecodedImages } from '../../dataset-file.ts'
import { BATCH_IMAGES, CIFAR10, TRAIN_BATCHES } from './facts.ts'

const IMAGE_BYTES = 32 * 32 * 3
// Spelt as the package spells it.
const LABEL_FILES: Record<Split, string> = { train: 'train_lables.json', test: 'test_lables.json' }
const SHEETS: Record<Split, string[]> = {
  train: TRAIN_BATCHES.map((n) => `data_batch_${n}.png`),
  test: ['test_batch.png'],
}

/** The files that `pngSheets` reads. */
export const SHEET_FILES = [...SHEETS.train, ...SHEETS.test, ...Object.values(LABEL_FILES)]

/** Images from lossless sheets that hold one image a row: 1024 pixels wide, 10,000 rows high, RGB. */
export async function* pngSheets(folder: string): AsyncGenerator<DecodedImages, void> {
  for (const split of ['train', 'test'] as const) {
    const labels = await readLabels(join(folder, LABEL_FILES[split]), CIFAR10.count[split])
    for (const [sheet, name] of SHEETS[split].entries()) {
      const file = join(folder, name)
      // One 10-megapixel row of images is beyond sharp's limit for files of strangers; this one's checksum is known.
      const { data, info } = await sharp(file, { limitInputPixels: false })
        .raw()
        .toBuffer({ resolveWithObject: true })
      if (info.channels !== 3 || data.length !== BATCH_IMAGES * IMAGE_BYTES) {
        throw new Error(`${file} has ${info.width}x${info.height} pixels in ${info.channels} channels`)
      }
      const first = sheet * BATCH_IMAGES
      yield { split, first, labels: labels.subarray(first, first + BATCH_IMAGES), pixels: data }
    }
  }
}

async function readLabels(file: string, count: number): Promise<Uint16Array> {
  const values: unknown = JSON.parse(await readFile(file, 'utf8'))
  const isLabel = (value: unknown) => Number.isInteger(value) && (value as number) in CIFAR10.classes
  if (!Array.isArray(values) || values.length !== count || !values.every(isLabel)) {
    throw new Error(`${file} is not a list of ${count} class numbers`)
  }
  return Uint16Array.from(values)
}
