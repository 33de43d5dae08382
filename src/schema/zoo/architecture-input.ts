import { ARCHITECTURE_DEFAULTS, type ArchitectureInput as DomainInput } from '../../zoo/architecture-input.ts'
import { builder } from '../builder/builder.ts'

const { batchNorm, inputSize, classes, pooled, flat } = ARCHITECTURE_DEFAULTS

const PooledHeadInput = builder.inputType('PooledHeadInput', {
  description: "The paper's: an average pool to size x size, then dense layers with ReLU and dropout.",
  fields: (t) => ({
    size: t.int({
      required: true,
      defaultValue: pooled.size,
      description: 'Cells along each edge of the average pool, 1 to 64.',
    }),
    hidden: t.intList({
      required: true,
      defaultValue: [...pooled.hidden],
      description: 'Widths of the dense layers before the last one; at most 8.',
    }),
    dropout: t.float({
      required: true,
      defaultValue: pooled.dropout,
      description: 'Fraction of the values dropped after each hidden layer, 0 to below 1.',
    }),
  }),
})

const FlatHeadInput = builder.inputType('FlatHeadInput', {
  description: 'No average pool: what the list leaves, flattened, then dense layers with ReLU and dropout.',
  fields: (t) => ({
    hidden: t.intList({
      required: true,
      defaultValue: [...flat.hidden],
      description: 'Widths of the dense layers before the last one; at most 8.',
    }),
    dropout: t.float({
      required: true,
      defaultValue: flat.dropout,
      description: 'Fraction of the values dropped after each hidden layer, 0 to below 1.',
    }),
  }),
})

const HeadInput = builder.inputType('HeadInput', {
  description: 'Exactly one form of what follows the convolutional part.',
  isOneOf: true,
  fields: (t) => ({
    pooled: t.field({ type: PooledHeadInput, description: 'Head of the paper, with an average pool.' }),
    flat: t.field({
      type: FlatHeadInput,
      description: 'Head without an average pool, as is customary for small pictures.',
    }),
  }),
})

export const ArchitectureInput = builder.inputType('ArchitectureInput', {
  description: 'A network of the VGG family.',
  fields: (t) => ({
    name: t.string({
      required: true,
      description:
        'Name to use in inputs: a letter, then letters, digits, "_", "." and "-"; at most 64 in all.',
    }),
    title: t.string({ description: 'Title for people; `name` when left out.' }),
    features: t.string({
      required: true,
      description:
        'The convolutional part as a list of at most 64 entries: "64,64:lrn,M,128,256x1,M". A number is a 3x3 convolution of that width, x1 makes it 1x1, :lrn adds local response normalisation, M is a 2x2 max-pool.',
    }),
    batchNorm: t.boolean({
      required: true,
      defaultValue: batchNorm,
      description: 'A batch norm after each convolution.',
    }),
    inputSize: t.intList({
      required: true,
      defaultValue: [...inputSize],
      description:
        'Size of the input: [height, width] in pixels, each 1 to 1024. A run fits the network to its data set.',
    }),
    classes: t.int({ required: true, defaultValue: classes, description: 'Number of classes, 1 to 65535.' }),
    head: t.field({
      type: HeadInput,
      description:
        'What follows the convolutional part; when left out, one dense layer (flat, without hidden ones).',
    }),
  }),
})

export function toArchitectureInput({
  title,
  head,
  ...rest
}: typeof ArchitectureInput.$inferInput): DomainInput {
  return {
    ...rest,
    title: title ?? undefined,
    head:
      head?.pooled != null ? { kind: 'pooled', ...head.pooled } : { kind: 'flat', ...(head?.flat ?? flat) },
  }
}
