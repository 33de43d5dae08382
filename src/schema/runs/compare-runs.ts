import { NotFoundError, ValidationError } from '../../errors.ts'
import {
  alignEpochs,
  compareRuns,
  type Difference,
  differences,
  figuresOf,
  MAX_COMPARED,
  MIN_COMPARED,
  type RunComparison,
  type RunFigures,
} from '../../runs/history/compare.ts'
import { alignCurves, type CURVE_AXES, type CurveRow, loadCurve } from '../../runs/history/curves.ts'
import type { RunEpoch } from '../../runs/history/history.ts'
import { builder } from '../builder/builder.ts'
import { described } from '../builder/described.ts'
import { resultOf } from '../builder/errors.ts'
import { checkRange } from '../builder/input-error.ts'
import { datasetOf } from '../data/dataset.ts'
import { EvaluationRef } from '../models/evaluation.ts'
import { EpochSummaryRef } from './loss-point.ts'
import { evaluationOf, TrainingRunRef } from './training-run.ts'

const MAX_ROWS = 2000

const DifferenceRef = builder.objectRef<Difference>('RunDifference').implement({
  description: 'A setting that is not the same in all runs.',
  fields: (t) => ({
    path: t.exposeString('path', {
      description:
        'Name of the setting: architecture, dataset, datasetDigest, initialDigest, transfer.freeze, transfer.head, transfer.headLearningRate, seed, engine, or where it stands among the hyperparameters, such as optimizer.momentum.',
    }),
    values: t.field({
      type: t.listRef('String', { nullable: true }),
      description:
        'Value in each run: text as it is, all else as JSON. Null where a run has no such setting.',
      resolve: ({ values }) => values,
    }),
  }),
})

const EpochRowRef = builder
  .objectRef<{ epoch: number; summaries: (RunEpoch | null)[] }>('EpochRow')
  .implement({
    description: 'One epoch across all runs.',
    fields: (t) => ({
      epoch: t.exposeInt('epoch', { description: 'Number of the epoch, from 1.' }),
      summaries: t.field({
        type: t.listRef(EpochSummaryRef, { nullable: true }),
        description: 'Measurements of the epoch in each run; null where a run has no such epoch.',
        complexity: { field: 1, multiplier: 1 },
        resolve: ({ summaries }) => summaries,
      }),
    }),
  })

const CurveAxisEnum = builder.enumType('CurveAxis', {
  description:
    'Axis on which loss curves are laid side by side: EPOCHS trained, or training IMAGES seen, which differ where trainLimit does.',
  values: described<(typeof CURVE_AXES)[number]>({
    EPOCHS: 'Passes over the training images of the run.',
    IMAGES: 'Training images seen, whatever trainLimit makes of an epoch.',
  }),
})

const LossRowRef = builder.objectRef<CurveRow>('LossRow').implement({
  description: 'Losses of all runs at one place of the axis.',
  fields: (t) => ({
    x: t.exposeFloat('x', { description: 'Place on the axis, in epochs or images, as `axis` says.' }),
    losses: t.field({
      type: t.listRef('Float', { nullable: true }),
      description:
        'Loss of each run at its last point up to here; null before its first point, behind its last, and where it is not finite.',
      resolve: ({ losses }) => losses,
    }),
  }),
})

const FiguresRef = builder.objectRef<RunFigures>('RunFigures').implement({
  description: 'Results of a run.',
  fields: (t) => ({
    run: t.field({ type: TrainingRunRef, description: 'The run.', resolve: ({ run }) => run }),
    bestTestAccuracy: t.exposeFloat('bestTestAccuracy', {
      nullable: true,
      description:
        'Highest test accuracy after any epoch, 0 to 1; null before the first, or when none was finite.',
    }),
    bestEpoch: t.exposeInt('bestEpoch', {
      nullable: true,
      description: 'Number of the first epoch with the highest test accuracy.',
    }),
    lastTestAccuracy: t.exposeFloat('lastTestAccuracy', {
      nullable: true,
      description:
        'Test accuracy after the last epoch, 0 to 1; null before the first, or when it was not finite.',
    }),
    bestTestLoss: t.exposeFloat('bestTestLoss', {
      nullable: true,
      description:
        'Lowest test loss after any epoch, in nats; null before the first, or when none was finite.',
    }),
    lastTestLoss: t.exposeFloat('lastTestLoss', {
      nullable: true,
      description:
        'Test loss after the last epoch, in nats; null before the first, or when it was not finite.',
    }),
    seconds: t.exposeFloat('seconds', {
      description: 'Seconds that its epochs took, training and testing, without the queue and pauses.',
    }),
    imagesPerSecond: t.float({
      nullable: true,
      description: 'Training speed at its end, or recently, in images per second; null until it has trained.',
      resolve: ({ run }) => run.imagesPerSecond,
    }),
    evaluation: t.field({
      type: EvaluationRef,
      nullable: true,
      description: 'Evaluation of the finished network on the test images; null until the run is COMPLETED.',
      resolve: ({ run }, _args, { datasets }) => evaluationOf(run, datasets),
    }),
  }),
})

const RunComparisonRef = builder.objectRef<RunComparison>('RunComparison').implement({
  description: 'Training runs side by side. Every list of values has the order of `runs`.',
  fields: (t) => ({
    runs: t.field({
      type: [TrainingRunRef],
      description: 'The runs, in the order asked.',
      resolve: ({ runs }) => runs,
    }),
    differences: t.field({
      type: [DifferenceRef],
      description:
        'The settings that are not the same in all runs: of the runs themselves, then hyperparameters by name. Empty when all are the same.',
      complexity: { field: 5, multiplier: 1 },
      resolve: ({ runs }) => differences(runs),
    }),
    epochs: t.field({
      type: [EpochRowRef],
      description: 'The epochs, from 1 to the last that any run has.',
      complexity: { field: 5, multiplier: 1 },
      resolve: ({ epochs }) => alignEpochs(epochs),
    }),
    losses: t.field({
      type: [LossRowRef],
      description:
        'The loss curves: a row for each place where any run has a point, or rows at equal distances when those are more than `maxPoints`.',
      complexity: { field: 50, multiplier: 1 },
      args: {
        axis: t.arg({
          type: CurveAxisEnum,
          required: true,
          defaultValue: 'EPOCHS',
          description: 'Axis of the curves.',
        }),
        maxPoints: t.arg.int({
          required: true,
          defaultValue: 200,
          description: `Number of rows at most, 1 to ${MAX_ROWS}.`,
        }),
      },
      resolve: async ({ runs }, { axis, maxPoints }, { runs: service, datasets }) => {
        checkRange('losses: maxPoints', maxPoints, 1, MAX_ROWS)
        const curves = runs.map((run) =>
          loadCurve(service, run, axis, datasetOf(datasets, run.dataset).facts, maxPoints),
        )
        return alignCurves(await Promise.all(curves), maxPoints)
      },
    }),
    figures: t.field({
      type: [FiguresRef],
      description: 'Results of each run.',
      complexity: { field: 1, multiplier: MAX_COMPARED },
      resolve: ({ runs, epochs }) => runs.map((run, i) => figuresOf(run, epochs[i]!)),
    }),
  }),
})

builder.queryField('compareTrainingRuns', (t) =>
  t.field({
    type: RunComparisonRef,
    authScopes: { role: 'VIEWER' },
    errors: resultOf(
      'CompareTrainingRuns',
      [ValidationError, NotFoundError],
      'The runs side by side, or why they cannot be compared.',
    ),
    description:
      'Lays training runs side by side: the settings in which they differ, their curves on one axis, and what they came to. They may still be at work.',
    args: {
      ids: t.arg.globalIDList({
        for: TrainingRunRef,
        required: true,
        description: `Ids of ${MIN_COMPARED} to ${MAX_COMPARED} runs, each once.`,
      }),
    },
    resolve: (_root, { ids }, { runs }) =>
      compareRuns(
        runs,
        ids.map(({ id }) => id),
      ),
  }),
)
