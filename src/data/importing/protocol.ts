import type { Resize } from '../../pictures/resize.ts'
import type { DatasetFacts, Split } from '../dataset-facts.ts'

/** What an import process is asked to do: to make one version of a data set. Plain data, as all here: it crosses processes. */
export interface ImportJob {
  /** The version that is made, as inputs name it: "pets@1". */
  name: string
  from: ImportOrigin
  /** [height, width] of the images that are kept, in pixels: 32 to 224 each. */
  size: [number, number]
  resize: Resize
  /** Where the origin has no test images of its own: this share of each class, chosen by the seed. */
  split: { testShare: number; seed: number }
  /** Null: the fine ones, or those that alone have names beside them. */
  labels: LabelKind | null
  /** Bytes that an archive may hold unpacked. */
  maxBytes: number
  /** The prepared file to make (src/data/dataset-file.ts). */
  file: string
  /** A folder on the same disk for what is unfinished. It is the import's own. */
  scratch: string
}

/** Which labels a class is made of, where a layout has a finer and a coarser one for each image: CIFAR-100. */
export const LABEL_KINDS = ['FINE', 'COARSE'] as const
export type LabelKind = (typeof LABEL_KINDS)[number]

/** Where the images come from. */
export type ImportOrigin =
  /** A .zip, .tar or .tar.gz on this machine, told apart by its bytes. `name`: what its sender calls it. */
  | { kind: 'archive'; path: string; name: string }
  /** A folder on this machine, with everything below it; links are not followed. */
  | { kind: 'folder'; path: string }
  /** Pictures that were sent one by one. `name`: what the sender calls it; `path`: where its bytes are. */
  | { kind: 'pictures'; pictures: { name: string; path: string; label: string; split: Split | null }[] }
  /** Another version, changed, and then the pictures of `added`. */
  | {
      kind: 'dataset'
      file: string
      digest: string
      facts: DatasetFacts
      edits: DatasetEdits
      added: ImportOrigin | null
    }

/** What is another than in the version before. Places are those of the version before. */
export interface DatasetEdits {
  /** Old class to new one: the same new one twice merges, null leaves the class and its images out. Others stay. */
  classes: Record<string, string | null>
  relabelled: (Place & { label: string })[]
  excluded: Place[]
  /** At most so many images of each class in each split, the first ones by a seeded order; null for all. */
  mostOfClass: number | null
}

export const IMPORT_PHASES = ['UNPACKING', 'READING', 'WRITING'] as const

/** How far an import is. */
export interface ImportProgress {
  phase: (typeof IMPORT_PHASES)[number]
  /** Pictures that are done of those that were found; `total` is null as long as it is not known. */
  done: number
  total: number | null
}

/** What was noticed: of one file, of a class, or of the whole. */
export const FINDING_KINDS = [
  /** A file that is a picture by its name or was named as one, and cannot be read: `message` says why, as `predict` would. */
  'REFUSED',
  /** A file that is none of the data set's: hidden, no picture, a nested archive, a link, an unsafe path. */
  'SKIPPED',
  /** The same pixels as `other`, which is kept, in the same split and class: left out. */
  'DUPLICATE',
  /** The same pixels as `other` with another label: both are kept. */
  'CONTRADICTION',
  /** Looks like `other` of the same split: both are kept. */
  'NEAR_DUPLICATE',
  /** The same pixels as `other`, or looks like it, across splits: a test that was learned by heart says nothing. Kept. */
  'LEAK',
  /** A class with fewer pictures than can be learned from and tested. */
  'FEW_PICTURES',
  /** A class without any picture that can be read: it is none. */
  'EMPTY_CLASS',
  /** Two classes whose names differ in case, accents' encoding or blanks alone. */
  'SIMILAR_CLASSES',
] as const

export interface Finding {
  kind: (typeof FINDING_KINDS)[number]
  /** Path within the origin, or the class. */
  path: string
  /** A sentence that says what is the matter, and what became of it. */
  message: string
  /** The other one of two. */
  other: string | null
  /** Where the image of `path` is in the data set, and that of `other`; null for what is none, or was left out. */
  place: Place | null
  otherPlace: Place | null
}

/** Of an image in a data set. */
export interface Place {
  split: Split
  index: number
}

/** What an import came to. */
export interface ImportSummary {
  /** Files that were looked at, and images that were taken. */
  files: number
  images: number
  /** How many findings of each kind there are; more than were told where there are very many. */
  findings: Partial<Record<Finding['kind'], number>>
  /** The layout that was recognised, in words: "a folder for each class". */
  layout: string
  /** Smallest and largest picture, [height, width], before scaling; null where all are as in the data set before. */
  smallest: [number, number] | null
  largest: [number, number] | null
}

export type ToImporter = ImportJob

/** What an import process says: findings and progress as they come, then how it ended. */
export type FromImporter =
  | ({ type: 'progress' } & ImportProgress)
  /** At most MAX_FINDINGS of each kind. */
  | { type: 'findings'; findings: Finding[] }
  | { type: 'done'; facts: DatasetFacts; digest: string; summary: ImportSummary }
  /** `reason`: a sentence for whoever sent it; `code`: what the system answered (ENOSPC). */
  | { type: 'failed'; reason: string; code?: string }

export const MAX_FINDINGS = 1000
