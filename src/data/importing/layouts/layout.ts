import { checkImageBytes } from '../../../pictures/format.ts'
import type { RgbImage } from '../../../pictures/rgb-image.ts'
import type { Split } from '../../dataset-facts.ts'
import type { OriginFile } from '../origin/listing.ts'

/** An image that may become one of the data set's. */
export interface Candidate {
  /** In the origin, for findings. */
  path: string
  /** As it is written there. */
  label: string
  /** Null: not told. */
  split: Split | null
  /** The bytes of a picture's file, or a picture that is decoded already. */
  picture(): Promise<Uint8Array | RgbImage>
  /** Whether nothing says that it is a picture but its place: it is skipped then where it is none. */
  isGuess?: boolean
}

/** A way of laying out a data set in files, recognised in an origin. */
export interface Layout {
  /** For people: "a folder for each class". */
  words: string
  /** In this order, where the layout has one; any others come after them, by name. */
  classes: readonly string[] | null
  /** Labels of classes that are there, whether they have pictures or not. */
  named: readonly string[]
  /** How many candidates there are, where that is known. */
  total: number | null
  /** Whether the images have an order of their own, which is kept. Others are shuffled by the seed. */
  isOrdered: boolean
  candidates(): Iterable<Candidate> | AsyncIterable<Candidate>
}

/** @throws UnsupportedImageError for a file that is too large for a picture, before any of it is read */
export async function readPicture(file: OriginFile): Promise<Uint8Array> {
  checkImageBytes(file.bytes)
  return file.read()
}
