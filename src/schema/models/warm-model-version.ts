import { NotFoundError } from '../../errors.ts'
import { UnusableModelError } from '../../predictor/errors.ts'
import { builder } from '../builder/builder.ts'
import { resultOf } from '../builder/errors.ts'
import { ModelVersionRef } from './model.ts'

builder.mutationField('warmModelVersion', (t) =>
  t.field({
    type: ModelVersionRef,
    authScopes: { role: 'OPERATOR' },
    changes: null,
    errors: resultOf(
      'WarmModelVersion',
      [NotFoundError, UnusableModelError],
      'The version, which is loaded, or why it cannot be.',
    ),
    description:
      'Loads the weights of a version, so that its next prediction does not wait for them. They stay until others need the memory. What an alias names is loaded without it: when the server starts, and before an alias moves.',
    args: { id: t.arg.globalID({ for: ModelVersionRef, required: true, description: 'Id of the version.' }) },
    resolve: (_root, { id }, { predictions }) => predictions.warm(id.id),
  }),
)
