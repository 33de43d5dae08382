import type { Split } from '../../dataset-facts.ts'
import { byName } from '../class-names.ts'
import type { Listing, OriginFile, Skip } from '../origin/listing.ts'
import type { LabelKind } from '../protocol.ts'
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

/** How one of the binary versions of https://www.cs.toronto.edu/~kriz/cifar.html is written down. */
interface Variant {
  title: string
  files: RegExp
  /** Bytes before the pixels of a record. */
  labelBytes: number
  /** What a record says of its class: those that may be chosen, the usual one first. */
  labels: readonly [Labels, ...Labels[]]
}

interface Labels {
  kind: LabelKind
  /** The byte of a record that is the class. */
  at: number
  /** File with the names of the classes. */
  file: string
  /** Their names without such a file. */
  usual: readonly string[]
  words: string
}

const numbered = (count: number) => Array.from({ length: count }, (_, i) => String(i))

const VARIANTS: readonly Variant[] = [
  {
    title: 'CIFAR-10',
    files: /^(data_batch_\d+|test_batch)\.bin$/i,
    labelBytes: 1,
    labels: [{ kind: 'FINE', at: 0, file: 'batches.meta.txt', usual: CIFAR10_CLASSES, words: '' }],
  },
  {
    title: 'CIFAR-100',
    files: /^(train|test)\.bin$/i,
    labelBytes: 2,
    labels: [
      {
        kind: 'FINE',
        at: 1,
        file: 'fine_label_names.txt',
        usual: numbered(100),
        words: ' with its fine classes',
      },
      {
        kind: 'COARSE',
        at: 0,
        file: 'coarse_label_names.txt',
        usual: numbered(20),
        words: ' with its coarse classes',
      },
    ],
  },
]

const parts = (path: string) => {
  const slash = path.lastIndexOf('/')
  return { folder: path.slice(0, slash + 1), name: path.slice(slash + 1) }
}
const isTest = (path: string) => /^test/i.test(parts(path).name)

/**
 * The binary files of CIFAR-10 or CIFAR-100, in any folder; null where there are none.
 * @param kind  which of their labels; null for the fine ones, or those that alone have names beside them
 */
export async function cifarLayout(
  listing: Listing,
  skip: Skip,
  kind: LabelKind | null,
): Promise<Layout | null> {
  for (const variant of VARIANTS) {
    const found = filesOf(variant, listing)
    if (found.length === 0) continue
    const { folder } = parts(found[0]!.path)
    const fileOf = ({ file }: Labels) => listing.files.find(({ path }) => path === folder + file)
    for (const file of listing.files) {
      const isUsual = found.includes(file) || /\.(txt|html?)$/i.test(file.path)
      if (!isUsual) skip(file.path, whyNot(file))
    }
    const labels =
      kind === null
        ? (variant.labels.find(fileOf) ?? variant.labels[0])
        : variant.labels.find((each) => each.kind === kind)
    if (labels === undefined)
      throw new ImportRefusedError(noCoarseLabels(`the binary files of ${variant.title}`))
    return layoutOf(variant, found, labels, fileOf(labels))
  }
  return null
}

/** @param words  of the layout that was recognised */
export function noCoarseLabels(words: string): string {
  return `Only the binary files of CIFAR-100 have coarse labels, and this is another layout: ${words}. Import it without the labels COARSE.`
}

function filesOf({ title, files, labelBytes }: Variant, listing: Listing): OriginFile[] {
  const recordBytes = labelBytes + 3 * PIXELS
  const called = listing.files.filter(({ path }) => files.test(parts(path).name))
  const fits = ({ bytes }: OriginFile) => bytes > 0 && bytes % recordBytes === 0
  // Any program may have a train.bin.
  if (title === 'CIFAR-100' && !called.some(fits)) return []
  const other = called.find((file) => !fits(file))
  if (other !== undefined) {
    throw new ImportRefusedError(
      `${other.path} has ${other.bytes} bytes, which are no whole number of ${title}'s records of ${recordBytes}. Send the whole file.`,
    )
  }
  const folders = new Set(called.map(({ path }) => parts(path).folder))
  if (folders.size <= 1) return called
  throw new ImportRefusedError(
    `It holds the binary files of ${title} in ${folders.size} folders: send one of them.`,
  )
}

async function layoutOf(
  { title, labelBytes }: Variant,
  found: readonly OriginFile[],
  { at: labelAt, usual, words }: Labels,
  namesFile: OriginFile | undefined,
): Promise<Layout> {
  const recordBytes = labelBytes + 3 * PIXELS
  const classes = (namesFile === undefined ? null : await readNames(namesFile)) ?? usual
  const batches: Batch[] = found
    .map((file): Batch => ({ file, split: isTest(file.path) ? 'test' : 'train' }))
    .sort((one, other) => byName(other.split, one.split) || byNumber(one.file.path, other.file.path))
  return {
    words: `the binary files of ${title}${words}`,
    classes,
    named: classes,
    total: found.reduce((sum, { bytes }) => sum + bytes / recordBytes, 0),
    isOrdered: true,
    async *candidates(): AsyncGenerator<Candidate, void> {
      for (const { file, split } of batches) {
        let index = 0
        for await (const record of recordsOf(wholeContentOf(file), recordBytes)) {
          const path = `${file.path} image ${index++}`
          const label = record[labelAt]!
          if (label >= classes.length) {
            throw new ImportRefusedError(
              `${path} has the class ${label}, and there are ${classes.length}: 0 to ${classes.length - 1}.`,
            )
          }
          yield {
            path,
            label: classes[label]!,
            split,
            picture: async () => interleaved(record, labelBytes),
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
