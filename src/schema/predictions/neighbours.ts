import type { Neighbour } from '../../predictor/reasons/reasons.ts'
import { builder } from '../builder/builder.ts'
import { throwCoded } from '../builder/errors.ts'
import { checkRange } from '../builder/input-error.ts'
import { SampleRef } from '../data/sample.ts'
import { PredictionRef } from './prediction.ts'

/** In an operation's complexity: a forward pass, and a process that compares features. */
const COST = 200
const MAX_NEIGHBOURS = 100

const NeighbourRef = builder.objectRef<Neighbour>('Neighbour').implement({
  description: 'A training picture that looks to the network like the picture of a prediction.',
  fields: (t) => ({
    index: t.exposeInt('index', { description: 'Its place in the training split, from 0.' }),
    label: t.exposeString('label', { description: 'Its true class.' }),
    distance: t.exposeFloat('distance', {
      description:
        'Cosine distance of the features, 1 - cosine of the angle between them: 0 for the same direction, 1 where they have nothing in common. Cosine and not the length of the difference, for features grow with the contrast of a picture.',
    }),
    sample: t.field({
      type: SampleRef,
      description: 'The picture itself.',
      resolve: ({ dataset, index }) => ({ store: dataset, split: 'train', index }) as const,
    }),
  }),
})

builder.prismaObjectField(PredictionRef, 'neighbours', (t) =>
  t.field({
    type: [NeighbourRef],
    nullable: true,
    description:
      'The training pictures whose features are nearest to those of the picture, nearest first. Features are what the last layer is given. Those of all training pictures are computed when a version is first asked, which takes seconds for a small network and hours for a large one: an error with the code NOT_READY then says how far it is, and asking again goes on.',
    complexity: ({ first }) => ({ field: COST, multiplier: first ?? 8 }),
    args: {
      first: t.arg.int({
        required: true,
        defaultValue: 8,
        description: `Number of pictures, 1 to ${MAX_NEIGHBOURS}.`,
      }),
      dataset: t.arg.string({
        description: 'Name of the data set to look in; what the version learned from when left out.',
      }),
    },
    resolve: (prediction, { first, dataset }, { reasons, request }) => {
      checkRange('neighbours: first', first, 1, MAX_NEIGHBOURS)
      return reasons
        .neighbours(prediction, { first, dataset: dataset ?? undefined }, request?.signal)
        .catch(throwCoded)
    },
  }),
)
