import type { DatasetStore } from '../../data/dataset.ts'
import { type EvaluationResult, MAX_MISTAKES, type Mistake } from '../../models/evaluation-result.ts'
import { type ClassScore, scoreClasses } from '../../scoring/scores.ts'
import { builder } from '../builder/builder.ts'
import { checkRange } from '../builder/input-error.ts'
import { DatasetRef, SampleRef } from '../data/dataset.ts'

/** A stored result, and the data set whose classes belong to its rows and columns. */
interface EvaluationShape {
  result: EvaluationResult
  store: DatasetStore
}

const ClassScoreRef = builder.objectRef<ClassScore & { label: string }>('ClassScore').implement({
  description: 'Scores of one class against all others.',
  fields: (t) => ({
    label: t.exposeString('label', { description: 'The class.' }),
    precision: t.exposeFloat('precision', {
      nullable: true,
      description: 'Fraction of the images taken for it that are of it; null when none was.',
    }),
    recall: t.exposeFloat('recall', {
      nullable: true,
      description: 'Fraction of its images that were recognised; null when it has none.',
    }),
    f1: t.exposeFloat('f1', {
      nullable: true,
      description:
        'Harmonic mean of precision and recall, 2 TP / (2 TP + FP + FN); null when no image was of the class and none was taken for it.',
    }),
    count: t.exposeInt('count', { description: 'Number of its images that were evaluated.' }),
    predicted: t.exposeInt('predicted', { description: 'Number of images that were taken for it.' }),
  }),
})

const MistakeRef = builder.objectRef<Mistake & { store: DatasetStore }>('Mistake').implement({
  description: 'A test image that was taken for another class.',
  fields: (t) => ({
    index: t.exposeInt('index', { description: 'Its place in the test split, from 0.' }),
    label: t.string({
      description: 'Its true class.',
      resolve: ({ store, label }) => store.facts.classes[label],
    }),
    predicted: t.string({
      description: 'The class that it was taken for.',
      resolve: ({ store, predicted }) => store.facts.classes[predicted],
    }),
    confidence: t.exposeFloat('confidence', {
      description: 'Probability of the class that it was taken for, 0 to 1.',
    }),
    trueConfidence: t.exposeFloat('trueConfidence', {
      description: 'Probability of the true class, 0 to 1.',
    }),
    sample: t.field({
      type: SampleRef,
      nullable: true,
      description:
        'The image itself. Null, with an error that says so, when the data set is not on this machine.',
      resolve: ({ store, index }) => ({ store, split: 'test' as const, index }),
    }),
  }),
})

export const EvaluationRef = builder.objectRef<EvaluationShape>('Evaluation').implement({
  description: 'How well a network classifies test images.',
  fields: (t) => ({
    dataset: t.field({
      type: DatasetRef,
      description: 'Data set that the test images are from.',
      resolve: ({ store }) => store,
    }),
    loss: t.float({
      nullable: true,
      description: 'Mean cross-entropy in nats; null when images are `unanswered`.',
      resolve: ({ result }) => result.loss,
    }),
    accuracy: t.float({
      nullable: true,
      description: 'Fraction of the images that are right, 0 to 1; null when images are `unanswered`.',
      resolve: ({ result }) => result.accuracy,
    }),
    top5Accuracy: t.float({
      nullable: true,
      description:
        'Fraction of the images whose true class is among the five most likely, 0 to 1; null when images are `unanswered`.',
      resolve: ({ result }) => result.top5Accuracy,
    }),
    count: t.int({ description: 'Number of images evaluated.', resolve: ({ result }) => result.count }),
    unanswered: t.int({
      description:
        'Number of images of which the network said NaN or an infinite number, as it may when its training diverged. A network with such images is in no ranking: none is better or worse than it.',
      resolve: ({ result: { count, confusionMatrix } }) =>
        count - confusionMatrix.flat().reduce((a, b) => a + b, 0),
    }),
    confusionMatrix: t.field({
      type: t.listRef(t.listRef('Int')),
      description:
        'Counts of the images that were answered: a row for each true class, a column for each predicted one.',
      resolve: ({ result }) => result.confusionMatrix,
    }),
    perClass: t.field({
      type: [ClassScoreRef],
      description: 'Scores of each class, over the images that were answered.',
      complexity: { field: 1, multiplier: 1 },
      resolve: ({ result, store }) =>
        scoreClasses(result.confusionMatrix).map((score, i) => ({
          label: store.facts.classes[i],
          ...score,
        })),
    }),
    worstMistakes: t.field({
      type: [MistakeRef],
      description: 'Images that the network took for another class, the most confident mistake first.',
      complexity: ({ first }) => ({ field: 1, multiplier: Math.max(1, first ?? 16) }),
      args: {
        first: t.arg.int({
          required: true,
          defaultValue: 16,
          description: `Number of mistakes, 1 to ${MAX_MISTAKES}.`,
        }),
      },
      resolve: ({ result, store }, { first }) => {
        checkRange('worstMistakes: first', first, 1, MAX_MISTAKES)
        return result.mistakes.slice(0, first).map((mistake) => ({ ...mistake, store }))
      },
    }),
  }),
})
