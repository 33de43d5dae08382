import { DEFAULT_DATASET } from '../../data/registry.ts'
import { ConflictError, NotFoundError, OverloadedError, ValidationError } from '../../errors.ts'
import { UnusableModelError } from '../../predictor/errors.ts'
import { builder } from '../builder/builder.ts'
import { resultOf } from '../builder/errors.ts'
import { ModelVersionRef } from './model.ts'

builder.mutationField('evaluateModel', (t) =>
  t.field({
    type: ModelVersionRef,
    authScopes: { role: 'OPERATOR' },
    changes: ({ id }, { models }) => models.ownerOfVersion(id.id),
    errors: resultOf(
      'EvaluateModel',
      [ValidationError, NotFoundError, ConflictError, UnusableModelError, OverloadedError],
      'The version with its new evaluation, or why it was not evaluated.',
    ),
    description:
      'Evaluates a model version, trained or imported, on the test images of a data set, made ready as `predict` would, and keeps the result as its `evaluation`. One evaluation is at work at a time, in a process of its own. It answers when it is done, after seconds or, for large networks, many minutes; whoever does not wait finds it at the version later.',
    complexity: 500,
    args: {
      id: t.arg.globalID({ for: ModelVersionRef, required: true, description: 'Id of the version.' }),
      dataset: t.arg.string({
        description: `Name of the data set: the one that the version learned from when left out, and ${DEFAULT_DATASET} when it was imported. Its classes must be the labels of the version. It is fetched if it is MISSING.`,
      }),
      limit: t.arg.int({
        description: 'Number of test images to use, the first ones, for a quick trial; all when left out.',
      }),
    },
    resolve: (_root, { id, dataset, limit }, { evaluations }) =>
      evaluations.evaluate({
        versionId: id.id,
        dataset: dataset ?? undefined,
        limit: limit ?? undefined,
      }),
  }),
)
