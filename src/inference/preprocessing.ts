import type { Normalization } from '../data/normalization.ts'

/** How a picture becomes a network's input; it travels with the model. */
export interface Preprocessing extends Normalization {
  /** [height, width] of the network's input in pixels. */
  size: [number, number]
  /** The class labels in the order of the network's outputs. */
  labels: string[]
}
