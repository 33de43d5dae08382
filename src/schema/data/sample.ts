import type { DatasetStore } from '../../data/dataset.ts'
import type { Split } from '../../data/dataset-facts.ts'
import { builder } from '../builder/builder.ts'
import { throwCoded } from '../builder/errors.ts'
import { checkRange } from '../builder/input-error.ts'

export const MAX_SCALE = 16

/** The API says TRAIN where the data module says train. */
export const SplitEnum = builder.enumType('Split', {
  description: 'The images a network learns from, and those it is tested on.',
  values: {
    TRAIN: { value: 'train', description: 'The images that a network learns from.' },
    TEST: { value: 'test', description: 'The images that it is tested on, and never learns from.' },
  } satisfies Record<Uppercase<Split>, { value: Split; description: string }>,
})

export interface SampleShape {
  store: DatasetStore
  split: Split
  index: number
}

export const SampleRef = builder.objectRef<SampleShape>('Sample').implement({
  description: 'One image of a data set.',
  fields: (t) => ({
    index: t.exposeInt('index', { description: 'Its place in the split, from 0.' }),
    split: t.expose('split', { type: SplitEnum, description: 'The split it belongs to.' }),
    label: t.string({
      description: 'Its true class.',
      resolve: async ({ store, split, index }) => {
        const { labels } = await store.readImages(split, [index]).catch(throwCoded)
        return store.facts.classes[labels[0]]
      },
    }),
    image: t.field({
      type: 'DataUrl',
      description: 'The image as a PNG, each pixel drawn as a square of `scale` pixels.',
      args: {
        scale: t.arg.int({
          defaultValue: 4,
          required: true,
          description: `Pixels along the edge of each square, 1 to ${MAX_SCALE}.`,
        }),
      },
      resolve: async ({ store, split, index }, { scale }) => {
        checkRange('scale', scale, 1, MAX_SCALE)
        return { mediaType: 'image/png', bytes: await store.imagePng(split, index, scale).catch(throwCoded) }
      },
    }),
  }),
})
