import type { DatasetStore } from '../../data/dataset.ts'
import type { EvaluationResult, Mistake } from '../../models/evaluation-result.ts'
import type { EvaluatedThing } from '../../scoring/evaluations.ts'
import { MAX_BYTES, readMistakes } from '../../scoring/mistakes.ts'
import {
  balancedAccuracy,
  type ClassScore,
  type Confusion,
  confusionMatrix,
  scoreClasses,
  worstConfusions,
} from '../../scoring/scores.ts'
import { MAX_MISTAKES } from '../../scoring/tally.ts'
import { builder } from '../builder/builder.ts'
import { connectionOf, pageOf } from '../builder/connection.ts'
import { badInput, checkRange } from '../builder/input-error.ts'
import { DatasetRef } from '../data/dataset.ts'
import { SampleRef } from '../data/sample.ts'
import { ClassProbabilityRef } from '../predictions/class-probability.ts'

/** A stored result, and the data set whose classes belong to its rows and columns. */
interface EvaluationShape {
  result: EvaluationResult
  store: DatasetStore
  of: EvaluatedThing
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

/** A page of them; the matrix has all. */
const MAX_CONFUSIONS = 1000

const ConfusionRef = builder.objectRef<Confusion & { store: DatasetStore }>('Confusion').implement({
  description: 'A class that a network took for another one.',
  fields: (t) => ({
    label: t.string({
      description: 'The true class.',
      resolve: ({ store, label }) => store.facts.classes[label],
    }),
    predicted: t.string({
      description: 'The class that it was taken for.',
      resolve: ({ store, predicted }) => store.facts.classes[predicted],
    }),
    count: t.exposeInt('count', { description: 'Number of images.' }),
    share: t.exposeFloat('share', {
      description: 'Fraction of the images of the true class that were answered, 0 to 1.',
    }),
  }),
})

interface MistakeShape extends Mistake {
  store: DatasetStore
  probabilities?: readonly number[]
}

const MistakeRef = builder.objectRef<MistakeShape>('Mistake').implement({
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
    probabilities: t.field({
      type: [ClassProbabilityRef],
      nullable: true,
      description: 'How likely each class is, in the order of Dataset.classes; null in worstMistakes.',
      complexity: { field: 1, multiplier: 1 },
      resolve: ({ store, probabilities }) =>
        probabilities?.map((probability, c) => ({ label: store.facts.classes[c], probability })),
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
    balancedAccuracy: t.float({
      nullable: true,
      description:
        'Mean of the recalls of the classes that have images here, 0 to 1: unlike accuracy, it is not led by the classes of many images. Null when images are `unanswered`.',
      resolve: ({ result, store }) =>
        result.accuracy === null ? null : balancedAccuracy(result.confusion, store.facts.classes.length),
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
      resolve: ({ result: { count, confusion } }) =>
        count - confusion.reduce((sum, [, , images]) => sum + images, 0),
    }),
    confusionMatrix: t.field({
      type: t.listRef(t.listRef('Int')),
      description:
        'Counts of the images that were answered: a row for each true class, a column for each predicted one. Of a thousand classes it is a million numbers: `confusions` has those that matter.',
      resolve: ({ result, store }) => confusionMatrix(result.confusion, store.facts.classes.length),
    }),
    confusions: t.field({
      type: [ConfusionRef],
      description: 'Classes that were taken for others, the most frequent ones first.',
      // As with perClass: small objects that are in memory.
      complexity: { field: 1, multiplier: 1 },
      args: {
        first: t.arg.int({
          required: true,
          defaultValue: 20,
          description: `Number of confusions, 1 to ${MAX_CONFUSIONS}.`,
        }),
      },
      resolve: ({ result, store }, { first }) => {
        checkRange('confusions: first', first, 1, MAX_CONFUSIONS)
        return worstConfusions(result.confusion, first).map((confusion) => ({ ...confusion, store }))
      },
    }),
    perClass: t.field({
      type: [ClassScoreRef],
      description: 'Scores of each class, over the images that were answered.',
      complexity: { field: 1, multiplier: 1 },
      resolve: ({ result, store }) =>
        scoreClasses(result.confusion, store.facts.classes.length).map((score, i) => ({
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
    mistakes: t.connection(
      {
        type: MistakeRef,
        nullable: true,
        description: `Every image that it took for another class, of one cell of confusionMatrix if you name both classes; the most confident mistake first. Null where they were not kept: of an evaluation that an earlier attempt of the run made, which evaluateModel makes again. Of very many, the first ${MAX_BYTES / 2 ** 20} MiB.`,
        args: {
          label: t.arg.string({ description: 'Only images of this class.' }),
          predicted: t.arg.string({ description: 'Only images that were taken for this class.' }),
        },
        resolve: async ({ store, of }, { label, predicted, ...args }, { evaluations }, info) => {
          const cell = cellOf(store, label, predicted)
          const records = await evaluations.mistakes(of)
          if (records === null) return null
          const found = readMistakes(records, store.facts.classes.length, cell).map((mistake, rank) => ({
            ...mistake,
            rank,
            store,
            confidence: mistake.probabilities[mistake.predicted],
            trueConfidence: mistake.probabilities[mistake.label],
          }))
          const within = ({ gt = -1, lt = found.length }) => found.slice(Math.max(0, gt + 1), Math.max(0, lt))
          return pageOf<(typeof found)[number]>(
            { args, info, of: JSON.stringify([of, cell]) },
            {
              order: 'asc',
              keyOf: ({ rank }) => rank,
              read: async (range, order, take) =>
                (order === 'asc' ? within(range) : within(range).reverse()).slice(0, take),
              has: async (range) => within(range).length > 0,
              count: () => found.length,
            },
          )
        },
      },
      connectionOf(MistakeRef, 'Mistake'),
    ),
  }),
})

/** @throws a GraphQLError for what is no class, or no mistake */
function cellOf(
  { facts: { name, classes } }: DatasetStore,
  label?: string | null,
  predicted?: string | null,
) {
  const indexOf = (argument: string, named: string | null | undefined) => {
    if (named == null) return undefined
    const index = classes.indexOf(named)
    if (index >= 0) return index
    throw badInput(`mistakes: ${argument} is no class of ${name}. These are: ${classes.join(', ')}.`)
  }
  const cell = { label: indexOf('label', label), predicted: indexOf('predicted', predicted) }
  if (cell.label === undefined || cell.label !== cell.predicted) return cell
  throw badInput(
    `mistakes: label and predicted are both ${label}, and what is taken for what it is, is none.`,
  )
}
