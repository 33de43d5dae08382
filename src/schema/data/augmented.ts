import { previewsOf } from '../../data/augmentation/preview.ts'
import { pngOf } from '../../data/png.ts'
import { checkAugmentation } from '../../runs/model/hyperparameters.ts'
import { builder } from '../builder/builder.ts'
import { throwCoded } from '../builder/errors.ts'
import { badInput, checkRange } from '../builder/input-error.ts'
import { AugmentationInput } from '../runs/augmentation-input.ts'
import { DatasetRef } from './dataset.ts'
import { MAX_SCALE, SplitEnum } from './sample.ts'

/** Of 224 x 224 pixels one takes 10 to 30 ms, all changes on. */
const MAX_PICTURES = 16

builder.objectField(DatasetRef, 'augmented', (t) =>
  t.field({
    type: ['DataUrl'],
    nullable: true,
    description:
      'What a network may see of an image, once for each picture, as PNGs; the same seed shows the same ones. With mixup it is blended with other images of the split. Fetches the data set if it is MISSING. Null, with an error that says why, when it cannot be had.',
    complexity: ({ count }) => ({ field: 1, multiplier: count ?? 8 }),
    args: {
      split: t.arg({
        type: SplitEnum,
        defaultValue: 'train',
        required: true,
        description: 'Split that the image is in.',
      }),
      index: t.arg.int({ required: true, description: 'Its place in the split, from 0.' }),
      count: t.arg.int({
        defaultValue: 8,
        required: true,
        description: `Number of pictures, 1 to ${MAX_PICTURES}.`,
      }),
      seed: t.arg.int({ description: 'Seed of the changes; 0 when left out.' }),
      augmentation: t.arg({
        type: AugmentationInput,
        required: true,
        description: 'The random changes, as a run would be given them.',
      }),
      scale: t.arg.int({
        defaultValue: 4,
        required: true,
        description: `Pixels along the edge of the square that each pixel is drawn as, 1 to ${MAX_SCALE}.`,
      }),
    },
    resolve: async (store, { split, index, count, seed, augmentation, scale }) => {
      // Before that its number of images may not be known.
      await store.prepare().catch(throwCoded)
      checkRange('index', index, 0, store.facts.count[split] - 1)
      checkRange('count', count, 1, MAX_PICTURES)
      checkRange('scale', scale, 1, MAX_SCALE)
      const [issue] = checkAugmentation(augmentation)
      if (issue !== undefined) throw badInput(`augmentation: ${issue.path.join('.')}: ${issue.message}.`)
      const pictures: { mediaType: 'image/png'; bytes: Buffer }[] = []
      try {
        for await (const pixels of previewsOf(store, {
          split,
          index,
          count,
          seed: seed ?? 0,
          augmentation,
        })) {
          const bytes = await pngOf(pixels, store.facts.imageShape, scale)
          pictures.push({ mediaType: 'image/png', bytes })
        }
      } catch (error) {
        throwCoded(error)
      }
      return pictures
    },
  }),
)
