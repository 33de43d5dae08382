import { ConflictError, NotFoundError, ValidationError } from '../../errors.ts'
import { builder } from '../builder/builder.ts'
import { resultOf } from '../builder/errors.ts'
import { ArchitectureRef } from './architecture.ts'
import { ArchitectureInput, toArchitectureInput } from './architecture-input.ts'

builder.mutationFields((t) => ({
  createArchitecture: t.field({
    type: ArchitectureRef,
    authScopes: { role: 'OPERATOR' },
    changes: null,
    errors: resultOf(
      'CreateArchitecture',
      [ValidationError, ConflictError],
      'The new network, or why it was not created.',
    ),
    description: 'Adds a network to the zoo. It trains and predicts like those that are built in.',
    args: {
      input: t.arg({ type: ArchitectureInput, required: true, description: 'The network.' }),
    },
    resolve: (_root, { input }, { architectures }) => architectures.create(toArchitectureInput(input)),
  }),
  deleteArchitecture: t.field({
    type: ArchitectureRef,
    authScopes: { role: 'ADMIN' },
    errors: resultOf(
      'DeleteArchitecture',
      [NotFoundError, ConflictError],
      'The deleted network, or why it was not deleted.',
    ),
    description: 'Takes a created network out of the zoo, if no training run and no model version uses it.',
    args: { name: t.arg.string({ required: true, description: 'Name of the network.' }) },
    resolve: (_root, { name }, { architectures }) => architectures.delete(name),
  }),
}))
