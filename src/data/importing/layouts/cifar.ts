import type { Split } from '../../dataset-facts.ts'
import { byName } from '../class-names.ts'
import type { Listing, OriginFile, Skip } from '../origin/listing.ts'
import { ImportRefusedError } from '../refusal.ts'
import { whyNot } from './kinds.ts'
import type { Candidate, Layout } from './layout.ts'
import { recordsOf, smallContentOf, wholeContentOf } from './records.ts'

const SIDE = 32
const PIXELS = SIDE * SIDE
const CIFAR10_CLASSES = [
  'airplane',
  'automobile',
  'bird',
  'cat',
  'deer',
  'dog',
  'frog',
  'horse',
  'ship',
  'truck',
]
const MAX_NAMES_BYTES = 64 * 1024

interface Batch {
  file: OriginFile
  split: Split
}

/** How the two binary versions of https://www.cs.toronto.edu/~kriz/cifar.html are written down. */
interface Variant {
  title: string
  /** Bytes before the pixels of a record, the last of which is the class. */
  labelBytes: number
  files: RegExp
  isTest(name: string): boolean
  names: string
  usual(highest: number): string[]
}

const VARIANTS: Variant[] = [
  {
    title: 'CIFAR-10',
    labelBytes: 1,
    files: /^(data_batch_\d+|test_batch)\.bin$/i,
    isTest: (name) => /^test/i.test(name),
    names: 'batches.meta.txt',
    usual: (classes) => (classes <= 10 ? CIFAR10_CLASSES : numbers(classes)),
  },
  {
    title: 'CIFAR-100',
    labelBytes: 2,
    files: /^(train|test)\.bin$/i,
    isTest: (name) => /^test/i.test(name),
    names: 'fine_label_names.txt',
    usual: () => numbers(100),
  },
]

const numbers = (count: number) => Array.from({ length: count }, (_, i) => String(i))

const parts = (path: string) => {
  const slash = path.lastIndexOf('/')
  return { folder: path.slice(0, slash + 1), name: path.slice(slash + 1) }
}

/** The binary files of CIFAR-10 or CIFAR-100, in any folder; null where there are none. */
export async function cifarLayout(listing: Listing, skip: Skip): Promise<Layout | null> {
  for (const variant of VARIANTS) {
    const recordBytes = variant.labelBytes + 3 * PIXELS
    const found = listing.files.filter(
      ({ path, bytes }) => variant.files.test(parts(path).name) && bytes > 0 && bytes % recordBytes === 0,
    )
    if (found.length === 0) continue
    const folders = new Set(found.map(({ path }) => parts(path).folder))
    if (folders.size > 1) {
      throw new ImportRefusedError(
        `It holds the binary files of ${variant.title} in ${folders.size} folders: send one of them.`,
      )
    }
    const [folder] = folders
    const namesFile = listing.files.find(({ path }) => path === `${folder}${variant.names}`)
    for (const file of listing.files) {
      if (found.includes(file) || file === namesFile) continue
      const isAsUsual = /\.(txt|html?)$/i.test(file.path)
      if (!isAsUsual) skip(file.path, whyNot(file))
    }
    return layoutOf(variant, found, namesFile)
  }
  return null
}

async function layoutOf(
  variant: Variant,
  found: OriginFile[],
  namesFile: OriginFile | undefined,
): Promise<Layout> {
  const recordBytes = variant.labelBytes + 3 * PIXELS
  const given = namesFile === undefined ? null : await readNames(namesFile)
  const classes = given ?? variant.usual(10)
  const batches: Batch[] = found
    .map((file) => ({ file, split: variant.isTest(parts(file.path).name) ? 'test' : 'train' }) as Batch)
    .sort((one, other) => byName(other.split, one.split) || byNumber(one.file.path, other.file.path))
  const coarse = variant.labelBytes === 2 ? ' with its fine classes' : ''
  return {
    words: `the binary files of ${variant.title}${coarse}`,
    classes,
    named: classes,
    total: found.reduce((sum, { bytes }) => sum + bytes / recordBytes, 0),
    isOrdered: true,
    async *candidates(): AsyncGenerator<Candidate, void> {
      for (const { file, split } of batches) {
        let index = 0
        for await (const record of recordsOf(wholeContentOf(file), recordBytes)) {
          const path = `${file.path} image ${index++}`
          const label = record[variant.labelBytes - 1]!
          if (label >= classes.length) {
            throw new ImportRefusedError(
              `${path} has the class ${label}, and there are ${classes.length}: 0 to ${classes.length - 1}.`,
            )
          }
          yield {
            path,
            label: classes[label]!,
            split,
            picture: async () => interleaved(record, variant.labelBytes),
          }
        }
      }
    },
  }
}

/** data_batch_10 comes after data_batch_9. */
function byNumber(one: string, other: string): number {
  const numberOf = (path: string) => Number(/(\d+)\.bin$/i.exec(path)?.[1] ?? 0)
  return numberOf(one) - numberOf(other) || byName(one, other)
}

async function readNames(file: OriginFile): Promise<string[] | null> {
  const text = (await smallContentOf(file, MAX_NAMES_BYTES)).toString('utf8')
  const names = text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '')
  return names.length === 0 ? null : names
}

/** [3, 32, 32] -> [32, 32, 3] */
function interleaved(record: Uint8Array, begin: number) {
  const pixels = Buffer.allocUnsafe(3 * PIXELS)
  for (let pixel = 0; pixel < PIXELS; pixel++) {
    pixels[3 * pixel] = record[begin + pixel]!
    pixels[3 * pixel + 1] = record[begin + PIXELS + pixel]!
    pixels[3 * pixel + 2] = record[begin + 2 * PIXELS + pixel]!
  }
  return { pixels, width: SIDE, height: SIDE }
}
