import { readFile } from 'node:fs/promises'
import { DEFAULT_DATASET } from '../../data/registry.ts'
import { NotFoundError, OverloadedError, ValidationError } from '../../errors.ts'
import type { VersionRef } from '../../models/resolve-version.ts'
import { UnsupportedImageError } from '../../pictures/errors.ts'
import { checkImageBytes } from '../../pictures/format.ts'
import { PredictionFailedError, UnusableModelError } from '../../predictor/errors.ts'
import {
  type PredictInput as DomainInput,
  inputOf,
  type MadePrediction,
  probabilitiesOf,
  type StoredPrediction,
} from '../../predictor/predictions.ts'
import type { UploadedFile } from '../../uploads.ts'
import { NOT_AUDITED } from '../builder/audit-options.ts'
import { builder } from '../builder/builder.ts'
import { connectionOf, cursorAt, edgeOptions, pageOfRows, placeAt } from '../builder/connection.ts'
import { throwCoded } from '../builder/errors.ts'
import { badInput, checkRange } from '../builder/input-error.ts'
import { TOLD_AS_VALUES } from '../builder/told-as-values.ts'
import { SplitEnum } from '../data/sample.ts'
import { ModelVersionRef } from '../models/model.ts'
import { TrainingRunRef } from '../runs/training-run.ts'
import { ClassProbabilityRef } from './class-probability.ts'

/** Of a forward pass, in an operation's complexity. */
export const COST = 100
const MAX_MAPS = 1024
const NO_PNG = new Uint8Array()

export const PredictionRef = builder.prismaNode('Prediction', {
  nullable: true,
  description: 'Classification of a picture by a model.',
  id: {
    field: 'id',
    description: 'Global id. A prediction made by the query is not stored: its id leads to nothing.',
  },
  fields: (t) => ({
    // As it was when it was asked. Else by the column and not the relation: a prediction that is not stored has no row.
    modelVersion: t.prismaField({
      type: ModelVersionRef,
      description: 'Model version that was asked.',
      resolve: (query, prediction, _args, { models }) =>
        'modelVersion' in prediction
          ? (prediction as unknown as MadePrediction).modelVersion
          : models.getVersion({ ...query, where: { id: prediction.modelVersionId } }),
    }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When it was made.' }),
    label: t.exposeString('label', { description: 'The most likely class.' }),
    confidence: t.exposeFloat('confidence', { description: 'Probability of the most likely class, 0 to 1.' }),
    threshold: t.exposeFloat('threshold', {
      nullable: true,
      description: 'The least confidence that was asked for; null for none.',
    }),
    known: t.boolean({
      description:
        'Whether the picture is of one of the classes: false when `confidence` is below `threshold`. Then `label` is only what comes nearest.',
      resolve: ({ confidence, threshold }) => confidence >= (threshold ?? 0),
    }),
    probabilities: t.field({
      type: [ClassProbabilityRef],
      description: 'Probability of each class, most likely first.',
      complexity: { field: 1, multiplier: 1 },
      args: { top: t.arg.int({ description: 'Number of classes, at least 1; all when left out.' }) },
      resolve: (prediction, { top }) => {
        if (top != null && top < 1) throw badInput(`top must be at least 1, not ${top}.`)
        return probabilitiesOf(prediction).slice(0, top ?? undefined)
      },
    }),
    input: t.field({
      type: 'DataUrl',
      description: 'The picture as the network saw it, as a PNG.',
      resolve: async (prediction) => ({ mediaType: 'image/png', bytes: await inputOf(prediction) }),
    }),
    activations: t.field({
      type: 'DataUrl',
      nullable: true,
      description:
        'What a layer makes of the picture, as a PNG: a grey tile for each channel, from its smallest value (black) to its largest (white). Computed when it is selected.',
      complexity: COST,
      args: {
        layer: t.arg.string({
          required: true,
          description: 'Name of the layer, from Architecture.layers: features.0.',
        }),
        first: t.arg.int({
          required: true,
          defaultValue: 64,
          description: `Number of channels, the first ones, 1 to ${MAX_MAPS}.`,
        }),
      },
      resolve: async (prediction, { layer, first }, { predictions }) => {
        checkRange('activations: first', first, 1, MAX_MAPS)
        const bytes = await predictions.activations(prediction, { layer, first }).catch(throwCoded)
        return { mediaType: 'image/png', bytes }
      },
    }),
    latencyMs: t.exposeFloat('latencyMs', { description: 'Milliseconds from the request to the answer.' }),
  }),
})

const SampleInput = builder.inputType('SampleInput', {
  description: 'An image of a data set.',
  fields: (t) => ({
    dataset: t.string({
      required: true,
      defaultValue: DEFAULT_DATASET,
      description: 'Name of the data set.',
    }),
    split: t.field({
      type: SplitEnum,
      required: true,
      defaultValue: 'test',
      description: 'The split it belongs to.',
    }),
    index: t.int({ required: true, description: 'Its place in the split, from 0.' }),
  }),
})

export const ImageInput = builder.inputType('ImageInput', {
  description: 'Exactly one source of a picture.',
  isOneOf: true,
  fields: (t) => ({
    upload: t.field({ type: 'File', description: 'A file part of a multipart request.' }),
    base64: t.string({
      description: 'The bytes of a picture file in base64, with or without a data: prefix.',
    }),
    sample: t.field({ type: SampleInput, description: 'An image of a data set.' }),
  }),
})

const AliasRefInput = builder.inputType('AliasRefInput', {
  description: 'An alias of a model.',
  fields: (t) => ({
    model: t.string({ required: true, description: 'The name of the model.' }),
    name: t.string({ required: true, description: 'The alias, such as champion.' }),
  }),
})

export const ModelRefInput = builder.inputType('ModelRefInput', {
  description: 'Exactly one way to name trained weights.',
  isOneOf: true,
  fields: (t) => ({
    versionId: t.globalID({ for: ModelVersionRef, description: 'Id of a model version.' }),
    runId: t.globalID({
      for: TrainingRunRef,
      description: 'Id of a run: the newest version made of it that answers with finite numbers.',
    }),
    alias: t.field({ type: AliasRefInput, description: 'An alias: the version that it names now.' }),
  }),
})

const PredictInput = builder.inputType('PredictInput', {
  description: 'A picture, and the model that is to classify it.',
  fields: (t) => ({
    image: t.field({ type: ImageInput, required: true, description: 'The picture.' }),
    model: t.field({
      type: ModelRefInput,
      description: 'The model; when left out, the newest version that answers with finite numbers.',
    }),
    threshold: t.float({
      description:
        'Least confidence, 0 to 1: when the most likely class is less likely than this, the picture is of none of the classes, and `known` is false. Left out, it always is of one.',
    }),
  }),
})

// One union of several fields; resultOf makes one for each field.
export const PredictResult = builder.errorUnion('PredictResult', {
  description: 'The prediction, or why there is none.',
  types: [
    PredictionRef,
    UnsupportedImageError,
    ValidationError,
    NotFoundError,
    UnusableModelError,
    OverloadedError,
    PredictionFailedError,
  ],
})

builder.queryField('predict', (t) =>
  t.field({
    type: PredictResult,
    authScopes: { role: 'VIEWER' },
    description: 'Classifies a picture; nothing is stored.',
    complexity: COST,
    args: { input: t.arg({ type: PredictInput, required: true, description: 'The picture and the model.' }) },
    resolve: async (_root, { input }, { predictions, quota, traceparent }) => {
      quota?.predictions(1)
      return made(await predictions.predict({ ...(await toDomain(input)), traceparent }))
    },
  }),
)

builder.mutationField('predict', (t) =>
  t.field({
    type: PredictResult,
    authScopes: { role: 'OPERATOR' },
    changes: null,
    description: 'Classifies a picture and stores the prediction.',
    complexity: COST,
    extensions: NOT_AUDITED,
    args: { input: t.arg({ type: PredictInput, required: true, description: 'The picture and the model.' }) },
    resolve: async (_root, { input }, { predictions, quota, traceparent }) => {
      quota?.predictions(1)
      return made(await predictions.predictAndStore({ ...(await toDomain(input)), traceparent }))
    },
  }),
)

/** Of the cursors of `predictions`, which a subscription gives, too. */
const LIST = 'Query.predictions'
const PredictionEdge = builder.edgeObject({ type: PredictionRef, ...edgeOptions('Prediction') })

builder.queryField('predictions', (t) =>
  t.connection(
    {
      type: PredictionRef,
      authScopes: { role: 'VIEWER' },
      description: 'Stored predictions, newest first.',
      args: {
        modelVersion: t.arg.globalID({
          for: ModelVersionRef,
          description: 'Id of a model version: only its predictions.',
        }),
      },
      resolve: (_root, { modelVersion, ...args }, context, info) =>
        pageOfRows(
          { args, context, info },
          {
            key: 'seq',
            find: (query) =>
              context.predictions.list({
                ...query,
                where: { ...query.where, modelVersionId: modelVersion?.id },
              }),
            count: () => context.predictions.count(modelVersion?.id),
          },
        ),
    },
    connectionOf(PredictionRef, 'Prediction', PredictionEdge),
  ),
)

builder.subscriptionField('predictionMade', (t) =>
  t.field({
    type: PredictionEdge,
    authScopes: { role: 'VIEWER' },
    description:
      'Stored predictions as they are made, each once and in their order, with the cursor that it has in the list `predictions`. It goes on until you leave it.',
    args: {
      modelVersion: t.arg.globalID({ for: ModelVersionRef, description: 'Only those of this version.' }),
      after: t.arg.string({
        description:
          'Only what came behind this cursor, of the last one you got or of the list: then you miss none. Left out, from now on.',
      }),
    },
    subscribe: async (_root, { modelVersion, after }, { predictions }) => {
      const place = after == null ? undefined : placeAt(LIST, after, 'predictionMade: after')
      return predictions.follow(modelVersion?.id, place).catch(throwCoded)
    },
    resolve: (prediction) => ({ cursor: cursorAt(LIST, prediction.seq), node: prediction }),
    extensions: TOLD_AS_VALUES,
  }),
)

/** One that is not stored has no place among those that are, and no PNG yet: see inputOf. */
export function made(prediction: MadePrediction | StoredPrediction) {
  return PredictionRef.addBrand({ seq: 0, input: NO_PNG, ...prediction })
}

export async function readUpload(upload: UploadedFile): Promise<{ bytes: Uint8Array }> {
  checkImageBytes(upload.size)
  return { bytes: await readFile(upload.path) }
}

async function toDomain({ image, model, threshold }: typeof PredictInput.$inferInput): Promise<DomainInput> {
  return {
    image: image.upload != null ? await readUpload(image.upload) : givenImage(image),
    model: toVersionRef(model),
    threshold,
  }
}

/** A picture that is in the input itself. */
export function givenImage({ base64, sample }: typeof ImageInput.$inferInput): DomainInput['image'] {
  return base64 != null ? { base64 } : { sample: sample! }
}

export function toVersionRef(model: typeof ModelRefInput.$inferInput | null | undefined): VersionRef | null {
  if (model == null) return null
  if (model.versionId != null) return { versionId: model.versionId.id }
  return model.runId != null ? { runId: model.runId.id } : { alias: model.alias! }
}
