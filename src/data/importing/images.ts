import type { Split } from '../dataset-facts.ts'
import type { Fingerprint } from './fingerprint.ts'

/** An image that was read. */
export interface ImportedImage extends Fingerprint {
  /** In the origin, for findings. */
  path: string
  /** Name of its class. */
  label: string
  /** Null as long as none is told or chosen. */
  split: Split | null
  /** In the PixelStore. */
  place: number
  /** Its place in its origin's own order, where that is kept. */
  order: number | null
  /** In its split of the data set; null until that is settled, and for one that is left out. */
  index: number | null
}
