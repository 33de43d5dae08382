import { failureLast } from '../../concurrency/iterate.ts'
import { ConflictError, NotFoundError, OverloadedError, ValidationError } from '../../errors.ts'
import { MAX_BATCH_PICTURES } from '../../pictures/limits.ts'
import type {
  BatchAnswer,
  BatchInput,
  BatchPicture,
  PredictionBatch,
} from '../../predictor/prediction-batches.ts'
import { builder } from '../builder/builder.ts'
import { throwCoded } from '../builder/errors.ts'
import {
  COST,
  givenImage,
  ImageInput,
  ModelRefInput,
  made,
  PredictResult,
  readUpload,
  toVersionRef,
} from './prediction.ts'

const PredictionBatchRef = builder.objectRef<PredictionBatch>('PredictionBatch').implement({
  description: 'Many pictures that are shown to a model in one call.',
  fields: (t) => ({
    id: t.exposeID('id', {
      nullable: true,
      description:
        'What the subscription `predictionsOf` follows it by. Null for a query that chose none: its results are all here.',
    }),
    count: t.exposeInt('count', { description: 'Number of pictures.' }),
    results: t.field({
      type: [PredictResult],
      description:
        'Of each picture, in the order in which they were sent, its prediction, or why it has none. Selecting it waits until all are there.',
      // The pictures count at the call.
      complexity: { field: 1, multiplier: 1 },
      resolve: async ({ results }) => (await results).map(resultFor),
    }),
  }),
})

const BatchAnswerRef = builder.objectRef<BatchAnswer>('BatchAnswer').implement({
  description: 'What one picture of a batch has come to.',
  fields: (t) => ({
    number: t.exposeInt('number', {
      description:
        'Number of the answer, from 1 on, in the order in which they came: pass the last one you got as `after` to go on behind it.',
    }),
    index: t.exposeInt('index', { description: 'Place of the picture among those that were sent, from 0.' }),
    result: t.field({
      type: PredictResult,
      description: 'The prediction, or why there is none.',
      resolve: ({ result }) => resultFor(result),
    }),
  }),
})

const PredictManyInput = builder.inputType('PredictManyInput', {
  description: 'Pictures, and the model that is to classify them.',
  fields: (t) => ({
    images: t.field({
      type: [ImageInput],
      required: true,
      description: `The pictures, 1 to ${MAX_BATCH_PICTURES}, of whatever sources.`,
    }),
    model: t.field({
      type: ModelRefInput,
      description:
        'The model; when left out, the newest version that answers with finite numbers. Each picture is asked of the version that is meant when its turn comes, and says which.',
    }),
    threshold: t.float({
      description:
        'Least confidence, 0 to 1: when the most likely class is less likely than this, the picture is of none of the classes, and `known` is false. Left out, it always is of one.',
    }),
    batch: t.id({
      description:
        'An id of your own for the batch, which no other one had: then it can be followed by `predictionsOf` while it is being sent.',
    }),
  }),
})

const INPUT = { type: PredictManyInput, required: true, description: 'The pictures and the model.' } as const

type Input = typeof PredictManyInput.$inferInput

/**
 * Each picture has what is selected under the results. Hardly any of it is read from the database: four of them count as an
 * object of a list, so that a whole batch may say what it is usually asked, and not draw a layer for each.
 */
const complexity = ({ input }: { input: Input }) => ({
  field: COST,
  multiplier: Math.ceil(Math.max(1, Math.min(MAX_BATCH_PICTURES, input.images.length)) / 4),
})

// One union of two fields; resultOf makes one for each field.
const PredictManyResult = builder.errorUnion('PredictManyResult', {
  description: 'The batch, or why none of its pictures is taken.',
  types: [PredictionBatchRef, ValidationError, NotFoundError, ConflictError, OverloadedError],
  // Errors are told apart before.
  resolveType: () => PredictionBatchRef,
})

const EACH = 'A picture that cannot be classified costs the others nothing.'

builder.queryField('predictMany', (t) =>
  t.field({
    type: PredictManyResult,
    authScopes: { role: 'VIEWER' },
    description: `Classifies up to ${MAX_BATCH_PICTURES} pictures; nothing is stored. ${EACH} It answers when all have their results. Leaving it (closing the HTTP request, or completing the operation over WebSocket) gives up what is not computed yet.`,
    complexity,
    args: { input: t.arg(INPUT) },
    resolve: async (_root, { input }, { predictionBatches, quota, request, traceparent }) => {
      quota?.predictions(input.images.length)
      const batch = await predictionBatches.begin({ ...toDomain(input, false), traceparent }, request?.signal)
      await batch.results
      return batch
    },
  }),
)

builder.mutationField('predictMany', (t) =>
  t.field({
    type: PredictManyResult,
    authScopes: { role: 'OPERATOR' },
    changes: null,
    description: `Classifies up to ${MAX_BATCH_PICTURES} pictures and stores the predictions. ${EACH} It answers at once, unless \`results\` are selected, and goes on when you leave: \`predictionsOf\` tells of each.`,
    complexity,
    args: { input: t.arg(INPUT) },
    resolve: (_root, { input }, { predictionBatches, quota, traceparent }) => {
      quota?.predictions(input.images.length)
      return predictionBatches.begin({ ...toDomain(input, true), traceparent })
    },
  }),
)

builder.subscriptionField('predictionsOf', (t) =>
  t.field({
    type: BatchAnswerRef,
    authScopes: { role: 'VIEWER' },
    description:
      'The answers of a batch of `predictMany` as they come, each once, those that are there already first. It completes with the last one. The batch may be begun up to a minute later; its answers are kept for five minutes after the last one, or less when others need the room.',
    args: {
      batch: t.arg.id({ required: true, description: 'Id of the batch.' }),
      after: t.arg.int({
        description: 'Only answers behind this number, of the last one you got: then you miss none.',
      }),
    },
    subscribe: async (_root, { batch, after }, { predictionBatches }) =>
      failureLast(await predictionBatches.follow(batch, after ?? 0).catch(throwCoded)),
    resolve: (answer) => (answer instanceof Error ? throwCoded(answer) : answer),
  }),
)

function resultFor(result: BatchAnswer['result']) {
  return result instanceof Error ? result : made(result)
}

function toDomain({ images, model, threshold, batch }: Input, isStored: boolean): BatchInput {
  return {
    id: batch ?? undefined,
    pictures: images.map(toPicture),
    model: toVersionRef(model),
    threshold,
    isStored,
  }
}

function toPicture(image: typeof ImageInput.$inferInput): BatchPicture {
  const { upload, base64 } = image
  if (upload == null) return { bytes: base64?.length ?? 0, read: () => givenImage(image) }
  return { bytes: 0, read: () => readUpload(upload), hold: () => upload.hold() }
}
