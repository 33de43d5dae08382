import { demandRole } from '../../access/viewer.ts'
import { ConflictError, NotFoundError, ValidationError } from '../../errors.ts'
import type { RegisterInput } from '../../models/service.ts'
import { builder } from '../builder/builder.ts'
import { connectionOf, pageOfRows } from '../builder/connection.ts'
import { resultOf } from '../builder/errors.ts'
import { TOLD_AS_VALUES } from '../builder/told-as-values.ts'
import { CheckpointRef } from '../runs/checkpoint.ts'
import { TrainingRunRef } from '../runs/training-run.ts'
import { ModelAliasRef, ModelRef, ModelVersionRef, VERSION_KEY } from './model.ts'

const TrainedWeightsInput = builder.inputType('TrainedWeightsInput', {
  description: 'Exactly one way to name weights that a run saved.',
  isOneOf: true,
  fields: (t) => ({
    runId: t.globalID({
      for: TrainingRunRef,
      description: 'Id of a COMPLETED run: the weights that it ended with.',
    }),
    checkpointId: t.globalID({ for: CheckpointRef, description: 'Id of a checkpoint of any run.' }),
  }),
})

const RegisterModelInput = builder.inputType('RegisterModelInput', {
  description: 'Weights and the name to keep them under.',
  fields: (t) => ({
    name: t.string({
      required: true,
      description: 'Name of the model that gets the version; made if it is not there.',
    }),
    weights: t.field({ type: TrainedWeightsInput, required: true, description: 'The weights.' }),
    idempotencyKey: t.string({ description: VERSION_KEY }),
  }),
})

const SetModelAliasInput = builder.inputType('SetModelAliasInput', {
  description: 'An alias and the version that it shall name.',
  fields: (t) => ({
    versionId: t.globalID({
      for: ModelVersionRef,
      required: true,
      description: 'Id of the version; the alias belongs to its model.',
    }),
    name: t.string({
      required: true,
      description: 'Name of the alias: letters, digits, ".", "_" and "-", such as champion.',
    }),
    protected: t.boolean({
      description:
        'True: it does not move any more. False: it moves again, with this call already. As it was when left out; only an ADMIN says either.',
    }),
  }),
})

const ModelAliasInput = builder.inputType('ModelAliasInput', {
  description: 'An alias of a model.',
  fields: (t) => ({
    model: t.string({ required: true, description: 'The name of the model.' }),
    name: t.string({ required: true, description: 'The alias.' }),
  }),
})

builder.queryFields((t) => ({
  models: t.connection(
    {
      type: ModelRef,
      authScopes: { role: 'VIEWER' },
      description: 'Models that can predict, newest first.',
      resolve: (_root, args, context, info) =>
        pageOfRows(
          { args, context, info },
          { key: 'seq', find: context.models.list, count: context.models.count },
        ),
    },
    connectionOf(ModelRef, 'Model'),
  ),
  model: t.prismaField({
    type: ModelRef,
    authScopes: { role: 'VIEWER' },
    nullable: true,
    description: 'A model by its name; null when there is none.',
    args: { name: t.arg.string({ required: true, description: 'Name of the model.' }) },
    resolve: (query, _root, { name }, { models }) => models.find(query, name),
  }),
}))

builder.mutationFields((t) => ({
  registerModel: t.field({
    type: ModelVersionRef,
    authScopes: { role: 'OPERATOR' },
    changes: null,
    errors: resultOf(
      'RegisterModel',
      [ValidationError, NotFoundError, ConflictError],
      'The new version, or why it was not made.',
    ),
    description: 'Keeps trained weights under a name, as its next version.',
    args: { input: t.arg({ type: RegisterModelInput, required: true, description: 'Weights and name.' }) },
    resolve: (_root, { input }, { models, viewer }) =>
      models.register({ ...toRegisterInput(input), ownerId: viewer.id }),
  }),
  setModelAlias: t.field({
    type: ModelAliasRef,
    authScopes: { role: 'OPERATOR' },
    changes: ({ input: { versionId, name } }, { models }) => models.aliases.ownerOf(versionId.id, name),
    errors: resultOf(
      'SetModelAlias',
      [ValidationError, NotFoundError, ConflictError],
      'The alias as it is now, or why it was not set.',
    ),
    description:
      'Lets an alias name a version: at once for everybody, so that every prediction comes from the old or the new one.',
    args: { input: t.arg({ type: SetModelAliasInput, required: true, description: 'Alias and version.' }) },
    resolve: (_root, { input: { versionId, name, protected: wanted } }, { models, viewer }) => {
      if (wanted != null) demandRole(viewer, 'ADMIN')
      return models.aliases.set({
        versionId: versionId.id,
        name,
        ownerId: viewer.id,
        protected: wanted ?? undefined,
      })
    },
  }),
  deleteModelAlias: t.field({
    type: ModelAliasRef,
    authScopes: { role: 'ADMIN' },
    errors: resultOf(
      'DeleteModelAlias',
      [NotFoundError, ConflictError],
      'The alias as it was, or why it was not deleted.',
    ),
    description: 'Deletes an alias that is not protected; the version stays.',
    args: { input: t.arg({ type: ModelAliasInput, required: true, description: 'The alias.' }) },
    resolve: (_root, { input }, { models }) => models.aliases.remove(input.model, input.name),
  }),
  deleteModelVersion: t.field({
    type: ModelVersionRef,
    authScopes: { role: 'ADMIN' },
    errors: resultOf(
      'DeleteModelVersion',
      [NotFoundError, ConflictError],
      'The version as it was, or why it was not deleted.',
    ),
    description:
      'Deletes a version that no alias names, with its predictions, and its files unless its run keeps them as a checkpoint.',
    args: { id: t.arg.globalID({ for: ModelVersionRef, required: true, description: 'Id of the version.' }) },
    resolve: (_root, { id }, { models }) => models.deleteVersion(id.id),
  }),
}))

builder.subscriptionField('modelsChanged', (t) =>
  t.field({
    type: ModelRef,
    authScopes: { role: 'VIEWER' },
    description:
      'Every model as it is after a change: another version or one fewer, a new evaluation of a version, an alias that was set or deleted. A slow reader gets the newest state only.',
    subscribe: (_root, _args, { models }) => models.changed.follow(),
    resolve: (model) => model,
    extensions: TOLD_AS_VALUES,
  }),
)

builder.subscriptionField('aliasMoved', (t) =>
  t.field({
    type: ModelAliasRef,
    authScopes: { role: 'VIEWER' },
    description: 'Every alias that is set, as it is then. A slow reader gets the newest state only.',
    args: { model: t.arg.globalID({ for: ModelRef, description: 'Id of a model: only its aliases.' }) },
    subscribe: (_root, { model }, { models }) => models.aliases.followMoves(model?.id),
    resolve: (alias) => alias,
    extensions: TOLD_AS_VALUES,
  }),
)

function toRegisterInput(input: typeof RegisterModelInput.$inferInput): RegisterInput {
  const { name, weights, idempotencyKey } = input
  return {
    name,
    idempotencyKey: idempotencyKey ?? undefined,
    weights: weights.runId != null ? { runId: weights.runId.id } : { checkpointId: weights.checkpointId!.id },
  }
}
