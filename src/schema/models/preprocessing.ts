import type { Preprocessing, RESIZE_RULES } from '../../models/preprocessing.ts'
import { builder } from '../builder/builder.ts'
import { described } from '../builder/described.ts'

export const ResizeRule = builder.enumType('ResizeRule', {
  description:
    'COVER scales a picture until it covers the size, and crops it at its centre; STRETCH scales each side by itself.',
  values: described<(typeof RESIZE_RULES)[number]>({
    COVER: 'Keeps the proportions: scales until the picture covers the size, and crops it at its centre.',
    STRETCH: 'Scales each side by itself, so that nothing is cropped and proportions change.',
  }),
})

export const PreprocessingRef = builder.objectRef<Preprocessing>('Preprocessing').implement({
  description: 'How a picture becomes the input of a network.',
  fields: (t) => ({
    size: t.intList({ description: '[height, width] in pixels.', resolve: ({ size }) => size }),
    resize: t.field({
      type: ResizeRule,
      description: 'How it is brought to the size.',
      resolve: ({ resize }) => resize.rule,
    }),
    shorterSide: t.int({
      nullable: true,
      description: 'Pixels of the shorter side after scaling; null: just enough to cover the size.',
      resolve: ({ resize }) => resize.shorterSide,
    }),
    mean: t.floatList({
      description: 'Subtracted from R, G and B of a pixel in 0..1.',
      resolve: ({ mean }) => mean,
    }),
    std: t.floatList({ description: 'What they are then divided by.', resolve: ({ std }) => std }),
    labels: t.exposeStringList('labels', { description: 'The classes in the order of the outputs.' }),
  }),
})
