import type { Feature } from './layers/kinds.ts'

/** What follows the features. */
export type Head =
  /** The paper's: adaptive average pool to size x size, then hidden dense layers with ReLU and dropout. */
  | { kind: 'pooled'; size: number; hidden: readonly number[]; dropout: number }
  /** Flatten, then hidden dense layers with ReLU (and dropout when it is above 0). */
  | { kind: 'flat'; hidden: readonly number[]; dropout: number }

export const ARCHITECTURE_ORIGINS = ['PAPER', 'TORCHVISION', 'LECTURE', 'CIFAR', 'CUSTOM'] as const
export type ArchitectureOrigin = (typeof ARCHITECTURE_ORIGINS)[number]

/** A network of the VGG family as data. Everything else (layers, counts, the model) is derived from it. */
export interface Architecture {
  name: string
  /** For people: "VGG-16 (configuration D)". */
  title: string
  origin: ArchitectureOrigin
  /** The paper's letter: A, A-LRN, B, C, D, E; null for what the paper does not have. */
  configuration: string | null
  features: readonly Feature[]
  batchNorm: boolean
  /** [height, width, channels] */
  inputShape: readonly [number, number, number]
  classes: number
  head: Head
}

/** An architecture that cannot exist: its message says what is wrong, where, and what would be right. */
export class ArchitectureError extends Error {
  override name = 'ArchitectureError'
  /** Which entry of the feature list is wrong, from 0; null when it is not the list. */
  readonly entry: number | null

  constructor(message: string, entry: number | null = null) {
    super(message)
    this.entry = entry
  }
}
