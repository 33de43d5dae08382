import type { Preprocessing } from '../../models/preprocessing.ts'
import type { RESIZE_RULES } from '../../pictures/resize.ts'
import { builder } from '../builder/builder.ts'
import { described } from '../builder/described.ts'

export const ResizeRule = builder.enumType('ResizeRule', {
  description:
    'How a picture is brought to a size: COVER scales it until it covers the size, and crops it at its centre; STRETCH scales each side by itself; CONTAIN scales it until it fits in, and fills the rest with a colour.',
  values: described<(typeof RESIZE_RULES)[number]>({
    COVER: 'Keeps the proportions: scales until the picture covers the size, and crops it at its centre.',
    STRETCH: 'Scales each side by itself, so that nothing is cropped and proportions change.',
    CONTAIN:
      'Keeps the proportions and all of the picture: scales until it fits in, and fills the rest, on both sides of it, with a colour.',
  }),
})

export const PreprocessingRef = builder.objectRef<Preprocessing>('Preprocessing').implement({
  description: 'How a picture becomes the input of a network.',
  fields: (t) => ({
    size: t.intList({
      description: "Size of the network's input, [height, width] in pixels.",
      resolve: ({ size }) => size,
    }),
    resize: t.field({
      type: ResizeRule,
      description: 'How a picture is brought to `size`.',
      resolve: ({ resize }) => resize.rule,
    }),
    shorterSide: t.int({
      nullable: true,
      description: 'Length of the shorter side after scaling, in pixels; null: just enough to cover `size`.',
      resolve: ({ resize }) => resize.shorterSide,
    }),
    background: t.string({
      nullable: true,
      description: 'With CONTAIN: the colour around the picture, `#rrggbb`.',
      resolve: ({ resize }) => (resize.rule === 'CONTAIN' ? (resize.background ?? '#000000') : null),
    }),
    mean: t.floatList({
      description: 'Means of R, G and B of a pixel in 0..1, which are subtracted from it.',
      resolve: ({ mean }) => mean,
    }),
    std: t.floatList({
      description: 'Standard deviations of R, G and B, by which they are then divided.',
      resolve: ({ std }) => std,
    }),
    labels: t.exposeStringList('labels', { description: 'The classes in the order of the outputs.' }),
  }),
})
