import { ConflictError, NotFoundError, ValidationError } from '../../errors.ts'
import type { ImportInput } from '../../models/import.ts'
import type { CHANNEL_ORDERS } from '../../models/import-preprocessing.ts'
import { builder } from '../builder/builder.ts'
import { described } from '../builder/described.ts'
import { resultOf } from '../builder/errors.ts'
import { ModelVersionRef, VERSION_KEY } from './model.ts'
import { ResizeRule } from './preprocessing.ts'

const WeightFilesInput = builder.inputType('WeightFilesInput', {
  description: 'Exactly one form of weights.',
  isOneOf: true,
  fields: (t) => ({
    safetensors: t.field({
      type: 'File',
      description:
        "A safetensors file in F32, F16, BF16 or F64. Names are torchvision's, timm's or Keras', behind any one prefix, or others that number the layers in the same order. What nothing reads is passed over: types that are no such floats, num_batches_tracked, and what is named after an optimizer, a loss or an average beside the weights; any other float is a tensor too many. The biases of the convolutions before batch norm and the batch norms' scales or shifts may all be missing. Other programs' batch norms must have epsilon 1e-5.",
    }),
    layersModel: t.field({
      type: ['File'],
      description:
        'A TF.js LayersModel, converted from Keras 2 or 3 too: its model.json and the files of weights that it names. Its layers must compute what those of the network do, in their order, whatever they are called.',
    }),
  }),
})

const ChannelOrder = builder.enumType('ChannelOrder', {
  description: 'An order of the channels of a picture.',
  values: described<(typeof CHANNEL_ORDERS)[number]>({
    RGB: 'Red, green, blue, as PyTorch and most others have them.',
    BGR: 'Blue, green, red, as Caffe and the ImageNet weights of Keras have them.',
  }),
})

const PreprocessingInput = builder.inputType('PreprocessingInput', {
  description:
    'How pictures become the input of the weights. What is left out is what the file says, if vggzoo wrote it; else of safetensors for 224x224 and 1000 classes what the ImageNet weights of torchvision and timm, or those of Keras (BGR), are made for; of others the size of the network and the least scaling, but no mean and std.',
  fields: (t) => ({
    size: t.intList({ description: "Size of the network's input, [height, width] in pixels." }),
    resize: t.field({ type: ResizeRule, description: 'How a picture is brought to `size`.' }),
    background: t.string({
      description: 'With CONTAIN: the colour around the picture, `#rrggbb`. Black when left out.',
    }),
    shorterSide: t.int({
      description:
        'With COVER: length of the shorter side after scaling, in pixels; what is over `size` is cropped.',
    }),
    mean: t.floatList({
      description: 'Means of R, G and B of a pixel in 0..1, which are subtracted from it; none is above 1.',
    }),
    std: t.floatList({
      description: 'Standard deviations of R, G and B, by which they are then divided; none is above 1.',
    }),
    channels: t.field({
      type: ChannelOrder,
      description:
        'The order of the channels that the weights expect. Weights for BGR are turned into weights for RGB; mean and std are R, G, B in any case.',
    }),
    labels: t.stringList({
      description:
        'The classes in the order of the outputs; their number is that of the outputs. "class 0" and so on when left out.',
    }),
  }),
})

const ImportModelInput = builder.inputType('ImportModelInput', {
  description: 'Weights, the network that they belong to, and the name to keep them under.',
  fields: (t) => ({
    name: t.string({
      required: true,
      description: 'Name of the model that gets the version; made if it is not there.',
    }),
    architecture: t.string({
      required: true,
      description: 'Name of the network, from the query architectures.',
    }),
    weights: t.field({ type: WeightFilesInput, required: true, description: 'Files of weights.' }),
    preprocessing: t.field({
      type: PreprocessingInput,
      description: 'How pictures become the input of the network.',
    }),
    idempotencyKey: t.string({
      description: `${VERSION_KEY} Files count by what is in them, those of a LayersModel by their names, too.`,
    }),
  }),
})

builder.mutationField('importModel', (t) =>
  t.field({
    type: ModelVersionRef,
    authScopes: { role: 'OPERATOR' },
    changes: null,
    errors: resultOf(
      'ImportModel',
      [ValidationError, NotFoundError, ConflictError],
      'The new version, or everything that is wrong with the files.',
    ),
    description:
      'Makes weights from elsewhere the next version of a model. Send the files as a multipart request; each tensor that is missing, surplus or of a wrong shape is an issue of its own.',
    args: { input: t.arg({ type: ImportModelInput, required: true, description: 'Weights and name.' }) },
    resolve: (_root, { input }, { models, viewer }) =>
      models.import({ ...toDomain(input), ownerId: viewer.id }),
  }),
)

function toDomain({
  name,
  architecture,
  weights,
  preprocessing,
  idempotencyKey,
}: typeof ImportModelInput.$inferInput): ImportInput {
  const { size, resize, background, shorterSide, mean, std, labels, channels } = preprocessing ?? {}
  return {
    name,
    architecture,
    idempotencyKey: idempotencyKey ?? undefined,
    weights:
      weights.safetensors != null
        ? { safetensors: weights.safetensors }
        : { layersModel: weights.layersModel! },
    preprocessing: {
      size: size ?? undefined,
      resize: resize ?? undefined,
      background: background ?? undefined,
      shorterSide: shorterSide ?? undefined,
      mean: mean ?? undefined,
      std: std ?? undefined,
      labels: labels ?? undefined,
      channels: channels ?? undefined,
    },
  }
}
