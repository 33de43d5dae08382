import type { Resize } from '../../pictures/resize.ts'
import type { UploadedFile } from '../../uploads.ts'
import type { Split } from '../dataset-facts.ts'
import type { DatasetEdits, LabelKind } from '../importing/protocol.ts'

/** A picture that is sent. */
export interface PictureInput {
  file: UploadedFile
  label: string
  /** Null: as the others are split. */
  split: Split | null
}

/** Pictures from outside. */
export type GivenInput =
  | { archive: UploadedFile }
  | { folder: string }
  | { pictures: readonly PictureInput[] }
  /** The id of pictures that their owner sent before. */
  | { upload: string; ownerId?: string }

export type FromInput = GivenInput | { dataset: string }

/** What is to be another than in the version that it is made of. */
export interface EditsInput {
  /** `to`: null leaves the class out. */
  classes: readonly { from: string; to: string | null }[]
  relabel: readonly { split: Split; index: number; label: string }[]
  exclude: readonly { split: Split; index: number }[]
  mostOfClass: number | null
}

export interface HowInput {
  /** Viewer.id of who asks; the local viewer's when left out. */
  ownerId?: string
  /** [height, width] in pixels. */
  size?: readonly number[]
  resize?: Resize['rule']
  /** With CONTAIN: "#rrggbb". */
  background?: string
  testShare?: number
  seed?: number
  /** Where what is sent has several for an image. */
  labels?: LabelKind
  /** The same key never makes a second version. */
  idempotencyKey?: string
}

export interface CreateDatasetInput extends HowInput {
  name: string
  from: FromInput
  edits: EditsInput
}

export interface UpdateDatasetInput extends HowInput {
  /** "pets", or an older version: "pets@1". */
  name: string
  edits: EditsInput
  add: GivenInput | null
}

export interface AddPicturesInput {
  /** Viewer.id of who asks; the local viewer's when left out. */
  ownerId?: string
  upload: string
  pictures: readonly PictureInput[]
}

export function isChanged({ classes, relabelled, excluded, mostOfClass }: DatasetEdits): boolean {
  return (
    Object.keys(classes).length > 0 || relabelled.length > 0 || excluded.length > 0 || mostOfClass !== null
  )
}
