import { Random } from '../../random.ts'
import { imageBytes, SPLITS, type Split } from '../dataset-facts.ts'
import { type DatasetFile, placeOf, withDatasetFile } from '../dataset-file.ts'
import { readLabels } from '../read-images.ts'
import { readClassName } from './class-names.ts'
import { readable } from './findings.ts'
import type { Candidate, Layout } from './layouts/layout.ts'
import type { DatasetEdits, ImportOrigin } from './protocol.ts'
import { ImportRefusedError } from './refusal.ts'

type Previous = Extract<ImportOrigin, { kind: 'dataset' }>

/** Key of a random stream, beside the seed. */
const MOST_OF_CLASS = 3
/** So many bytes of images are read at once. */
const BATCH_BYTES = 4 * 1024 * 1024

/**
 * The images of another version as its edits leave them, in their order and splits, for a task.
 * @throws ImportRefusedError for edits of what is not there, DamagedDatasetError
 */
export function withPrevious<Result>(
  origin: Previous,
  seed: number,
  task: (layout: Layout) => Promise<Result>,
): Promise<Result> {
  const { file, digest, facts, edits } = origin
  return withDatasetFile(file, digest, async (opened) => {
    const renamed = renamedClasses(facts.classes, edits)
    const left = new Map<Split, Map<number, string>>()
    for (const split of SPLITS) {
      const labels = await readLabels(opened, split)
      left.set(
        split,
        mostOf(labelled(split, labels, renamed, edits), edits.mostOfClass, [seed, SPLITS.indexOf(split)]),
      )
    }
    const classes = [...new Set(renamed.filter((name) => name !== null))]
    return task({
      words: `the version ${facts.name}, changed`,
      classes,
      named: classes,
      total: SPLITS.reduce((sum, split) => sum + left.get(split)!.size, 0),
      isOrdered: true,
      async *candidates() {
        for (const split of SPLITS) yield* imagesOf(opened, split, left.get(split)!)
      },
    })
  })
}

/** What becomes of each class; null for one that is left out. */
function renamedClasses(classes: readonly string[], { classes: edits }: DatasetEdits): (string | null)[] {
  for (const name of Object.keys(edits)) {
    if (!classes.includes(name))
      throw new ImportRefusedError(`There is no class "${readable(name)}" to be changed.`)
  }
  return classes.map((name) => {
    const wanted = Object.hasOwn(edits, name) ? edits[name]! : name
    return wanted === null ? null : nameOf(wanted)
  })
}

function nameOf(wanted: string): string {
  const read = readClassName(wanted)
  if ('name' in read) return read.name
  throw new ImportRefusedError(`"${readable(wanted)}" cannot be a class. ${read.problem}`)
}

/** The images of a split that stay, by their places, with their labels. */
function labelled(
  split: Split,
  labels: Uint16Array,
  renamed: readonly (string | null)[],
  { relabelled, excluded }: DatasetEdits,
): Map<number, string> {
  const left = new Map<number, string>()
  labels.forEach((label, index) => {
    const name = renamed[label]!
    if (name !== null) left.set(index, name)
  })
  const check = (index: number) => {
    if (Number.isInteger(index) && index >= 0 && index < labels.length) return
    throw new ImportRefusedError(
      `There is no ${split} image ${index}: there are ${labels.length}, from 0 on.`,
    )
  }
  for (const one of relabelled) {
    if (one.split !== split) continue
    check(one.index)
    left.set(one.index, nameOf(one.label))
  }
  for (const one of excluded) {
    if (one.split !== split) continue
    check(one.index)
    left.delete(one.index)
  }
  return left
}

/** At most so many of each class, which the key chooses; in the order of their places. */
function mostOf(
  images: Map<number, string>,
  most: number | null,
  key: readonly number[],
): Map<number, string> {
  if (most === null) return images
  const byClass = new Map<string, number[]>()
  for (const [index, label] of images) {
    const indexes = byClass.get(label)
    if (indexes === undefined) byClass.set(label, [index])
    else indexes.push(index)
  }
  const chosen = new Map<number, string>()
  for (const [label, indexes] of byClass) {
    const sorted = indexes.sort((one, other) => one - other)
    const order = new Random(...key, MOST_OF_CLASS, hashOf(label)).permutation(sorted.length)
    for (const place of order.subarray(0, most)) chosen.set(sorted[place]!, label)
  }
  return chosen
}

/** So that the choice in one class does not depend on what others there are (FNV-1a). */
function hashOf(text: string): number {
  let hash = 0x811c9dc5
  for (const byte of Buffer.from(text)) hash = Math.imul(hash ^ byte, 0x01000193)
  return hash >>> 0
}

async function* imagesOf(
  { header, read }: DatasetFile,
  split: Split,
  images: ReadonlyMap<number, string>,
): AsyncGenerator<Candidate, void> {
  const [height, width] = header.imageShape
  const bytes = imageBytes(header)
  const { pixels } = placeOf(header, split)
  const batch = Math.max(1, Math.floor(BATCH_BYTES / bytes))
  for (let first = 0; first < header.count[split]; first += batch) {
    const end = Math.min(header.count[split], first + batch)
    const wanted = Array.from({ length: end - first }, (_, i) => first + i).filter((index) =>
      images.has(index),
    )
    if (wanted.length === 0) continue
    const content = await read(pixels + first * bytes, pixels + end * bytes)
    const some = Buffer.from(content.buffer, content.byteOffset, content.byteLength)
    for (const index of wanted) {
      const begin = (index - first) * bytes
      const image = { pixels: some.subarray(begin, begin + bytes), width, height }
      const path = `${header.name} ${split} image ${index}`
      yield { path, label: images.get(index)!, split, picture: async () => image }
    }
  }
}
