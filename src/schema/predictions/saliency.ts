import type { Saliency, SaliencyMethod } from '../../predictor/reasons/reasons.ts'
import { builder } from '../builder/builder.ts'
import { described } from '../builder/described.ts'
import { throwCoded } from '../builder/errors.ts'
import { PredictionRef } from './prediction.ts'

/** In an operation's complexity: a gradient takes as long as three forward passes, and OCCLUSION is 49. */
const COST: Readonly<Record<SaliencyMethod, number>> = { GRADIENT: 300, GRAD_CAM: 300, OCCLUSION: 1500 }

const SaliencyMethodEnum = builder.enumType('SaliencyMethod', {
  description: 'How it is found out which pixels speak for a class.',
  values: described<SaliencyMethod>({
    GRADIENT:
      'How much a small change of a pixel changes the logit: the largest of |d logit / d pixel| over the channels, the pixel normalised as the network gets it (Simonyan et al. 2013). Sharp, noisy, and without a sign.',
    GRAD_CAM:
      'Where the last convolution, after its ReLU, finds what speaks for the class: its channels weighed by the mean of their gradients, negative sums as 0, enlarged bilinearly (Selvaraju et al. 2017). As coarse as that layer: 8 x 8 cells in vgg_mini, 14 x 14 in vgg16.',
    OCCLUSION:
      'How much probability the class loses when a grey square (128, 128, 128) hides a part: a quarter of the picture high and wide, moved by half of that; a pixel has the mean of the squares that hide it (Zeiler and Fergus 2013). Needs no gradients, 49 predictions instead, and is negative where hiding helps.',
  }),
})

const SaliencyRef = builder.objectRef<Saliency>('Saliency').implement({
  description: 'How much each pixel of what the network saw speaks for a class.',
  fields: (t) => ({
    method: t.expose('method', { type: SaliencyMethodEnum, description: 'How it was found out.' }),
    class: t.exposeString('class', { description: 'The class that it speaks for.' }),
    image: t.field({
      type: 'DataUrl',
      description:
        'A PNG of `input` in pale grey with a heat map over it: vermilion for the class and blue against it, the stronger the larger the value is beside the largest.',
      resolve: async (saliency, _args, { reasons }) => ({
        mediaType: 'image/png',
        bytes: await reasons.draw(saliency),
      }),
    }),
    values: t.field({
      type: [t.listRef('Float')],
      description: 'The values themselves: a list for each row of pixels of `input`.',
      complexity: { field: 50, multiplier: 1 },
      resolve: ({ values, height, width }) =>
        Array.from({ length: height }, (_, y) => Array.from(values.subarray(y * width, (y + 1) * width))),
    }),
  }),
})

builder.prismaObjectField(PredictionRef, 'saliency', (t) =>
  t.field({
    type: SaliencyRef,
    nullable: true,
    description:
      'Which pixels speak for a class, as a heat map over what the network saw. Every network of the zoo can be asked in each way. Computed when it is selected.',
    complexity: ({ method }) => ({ field: COST[method], multiplier: 1 }),
    args: {
      method: t.arg({ type: SaliencyMethodEnum, required: true, description: 'How it is to be found out.' }),
      class: t.arg.string({ description: 'A class of the model; the most likely one when left out.' }),
    },
    resolve: (prediction, { method, class: label }, { reasons, request }) =>
      reasons
        .saliency(prediction, { method, class: label ?? prediction.label }, request?.signal)
        .catch(throwCoded),
  }),
)
