import type { Resize } from '../pictures/resize.ts'
import type { Normalization } from './normalization.ts'

export const SPLITS = ['train', 'test'] as const
export type Split = (typeof SPLITS)[number]

/** What is known of a data set before any of it is there. */
export interface DatasetFacts {
  /** The name used in inputs. */
  readonly name: string
  /** What people call it. */
  readonly title: string
  /** Class labels, in the order of the network's outputs. */
  readonly classes: readonly string[]
  /** Images in each split. */
  readonly count: Readonly<Record<Split, number>>
  /** [height, width, channels] */
  readonly imageShape: readonly [number, number, number]
  /** Means and standard deviations of the training images' channels. */
  readonly normalization: Normalization
  /** How pictures were brought to the size of its images: those that a network is shown later are, too. COVER when left out. */
  readonly resize?: Resize
}

/** Bytes of one image: height * width * channels, one byte each. */
export function imageBytes({
  imageShape: [height, width, channels],
}: Pick<DatasetFacts, 'imageShape'>): number {
  return height * width * channels
}
