import { DEFAULT_DATASET } from '../../data/registry.ts'
import { ConflictError, NotFoundError, OverloadedError, ValidationError } from '../../errors.ts'
import { UnusableModelError } from '../../predictor/errors.ts'
import { builder } from '../builder/builder.ts'
import { resultOf } from '../builder/errors.ts'
import { ModelVersionRef } from './model.ts'

builder.mutationField('evaluateModel', (t) =>
  t.field({
    type: ModelVersionRef,
    errors: resultOf(
      'EvaluateModel',
      [ValidationError, NotFoundError, ConflictError, UnusableModelError, OverloadedError],
      'The version with its new evaluation, or why there is none.',
    ),
    description:
      'Shows a model version, trained or imported, the test images of a data set as `predict` would, and keeps what comes of it as its `evaluation`. One is at work at a time, in a process of its own. It answers when it is done, after seconds or, for large networks, many minutes; whoever does not wait finds it at the version later.',
    complexity: 500,
    args: {
      id: t.arg.globalID({ for: ModelVersionRef, required: true, description: 'The version.' }),
      dataset: t.arg.string({
        description: `Whose test images: the data set that it learned from when left out, and ${DEFAULT_DATASET} when it was imported. Its classes must be the labels of the version. It is fetched if it is MISSING.`,
      }),
      limit: t.arg.int({ description: 'Only the first so many test images, for a quick trial.' }),
    },
    resolve: (_root, { id, dataset, limit }, { evaluations }) =>
      evaluations.evaluate({
        versionId: id.id,
        dataset: dataset ?? undefined,
        limit: limit ?? undefined,
      }),
  }),
)
