import type { PinnedResult } from '../../runs/model/pinned.ts'
import { columnOf } from '../../runs/model/run.ts'
import { builder } from '../builder/builder.ts'
import { datasetOf } from '../data/dataset.ts'
import { SampleRef, type SampleShape, SplitEnum } from '../data/sample.ts'
import { ClassProbabilityRef } from '../predictions/class-probability.ts'
import { TrainingRunRef } from './training-run.ts'

/** The probabilities by class, with the names of the classes. */
function named(probabilities: readonly number[] | null, classes: readonly string[]) {
  return probabilities?.map((probability, i) => ({ label: classes[i], probability })) ?? null
}

export interface PinnedPredictionShape extends PinnedResult {
  classes: readonly string[]
}

const PROBABILITIES = {
  description:
    'Probability of each class, in the order of Dataset.classes; null when what the network says is not finite.',
  complexity: { field: 1, multiplier: 1 },
}

export const PinnedPredictionRef = builder.objectRef<PinnedPredictionShape>('PinnedPrediction').implement({
  description: 'What the network says of a pinned picture after an epoch.',
  fields: (t) => ({
    split: t.expose('split', { type: SplitEnum, description: 'The split the picture belongs to.' }),
    index: t.exposeInt('index', { description: 'Its place in the split, from 0.' }),
    label: t.string({
      description: 'Its true class.',
      resolve: ({ label, classes }) => classes[label],
    }),
    probabilities: t.field({
      type: [ClassProbabilityRef],
      nullable: true,
      ...PROBABILITIES,
      resolve: ({ probabilities, classes }) => named(probabilities, classes),
    }),
  }),
})

interface PinnedMoment {
  epoch: number
  attempt: number
  probabilities: number[] | null
  classes: readonly string[]
}

const PinnedMomentRef = builder.objectRef<PinnedMoment>('PinnedMoment').implement({
  description: 'What the network said of a pinned picture after one epoch.',
  fields: (t) => ({
    epoch: t.exposeInt('epoch', { description: 'Number of the epoch, from 1.' }),
    attempt: t.exposeInt('attempt', {
      description: 'Number of the attempt (start of the trainer) that trained the epoch.',
    }),
    probabilities: t.field({
      type: [ClassProbabilityRef],
      nullable: true,
      ...PROBABILITIES,
      resolve: ({ probabilities, classes }) => named(probabilities, classes),
    }),
  }),
})

interface PinnedShape extends SampleShape {
  /** All of the run's, read once. */
  history: () => Promise<PinnedMoment[]>
}

const PinnedPictureRef = builder.objectRef<PinnedShape>('PinnedPicture').implement({
  description: 'A picture that a run classifies after each epoch, to show how it learns.',
  fields: (t) => ({
    split: t.expose('split', { type: SplitEnum, description: 'The split it belongs to.' }),
    index: t.exposeInt('index', { description: 'Its place in the split, from 0.' }),
    sample: t.field({
      type: SampleRef,
      nullable: true,
      description: 'The picture and its true class; null until the data set is READY.',
      resolve: async (pinned) => ((await pinned.store.present()).state === 'READY' ? pinned : null),
    }),
    history: t.field({
      type: [PinnedMomentRef],
      description:
        'What the network said of it after each epoch; an epoch that was trained again is there again.',
      complexity: { field: 5, multiplier: 1 },
      resolve: ({ history }) => history(),
    }),
  }),
})

builder.objectField(TrainingRunRef, 'pinned', (t) =>
  t.field({
    type: [PinnedPictureRef],
    description: 'Pictures that it classifies after each epoch, in the order in which they were pinned.',
    complexity: { field: 1, multiplier: 1 },
    resolve: (run, _args, { datasets, runs }) => {
      const store = datasetOf(datasets, run.dataset)
      let reading: ReturnType<typeof runs.pinned> | undefined
      return columnOf(run, 'pinned').map((picture, i) => ({
        ...picture,
        store,
        history: async () => {
          reading ??= runs.pinned(run.id)
          return (await reading).map(({ probabilities, ...when }) => ({
            ...when,
            probabilities: probabilities[i],
            classes: store.facts.classes,
          }))
        },
      }))
    },
  }),
)
