import type { Normalization } from '../data/normalization.ts'
import type { Resize } from '../pictures/resize.ts'

/** How a picture becomes a network's input; it travels with the model. */
export interface Preprocessing extends Normalization {
  /** [height, width] of the network's input in pixels. */
  size: [number, number]
  resize: Resize
  /** The class labels in the order of the network's outputs. */
  labels: string[]
}
