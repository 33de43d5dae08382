export const RESIZE_RULES = ['COVER', 'STRETCH', 'CONTAIN'] as const

/** How a picture of any size becomes one of the network's. A type, as Prisma takes no interface for JSON. */
export type Resize = {
  /**
   * COVER keeps its proportions: it is scaled until it covers the input, and cropped at its centre.
   * STRETCH scales each side by itself, as Keras' image loaders do.
   * CONTAIN keeps its proportions and all of it: it is scaled until it fits in, and lies in the middle of bars of one colour.
   */
  rule: (typeof RESIZE_RULES)[number]
  /**
   * With COVER: pixels of the shorter side after scaling, at least the input's sides; what is over is cropped.
   * torchvision's ImageNet weights want 256 for an input of 224. Null: just enough to cover.
   */
  shorterSide: number | null
  /** With CONTAIN: the colour of the bars, "#rrggbb"; black when left out. */
  background?: string
}

/** How a colour is written: #rrggbb. */
export const COLOUR = /^#[0-9a-f]{6}$/i

export const COVER: Resize = { rule: 'COVER', shorterSide: null }
