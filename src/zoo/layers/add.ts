import { type LayerKind, UnfitLayer } from './kind.ts'

/** A residual connection (He et al. 2015): adds the result of the entry that lies `back` before the last one. */
export type AddFeature = { kind: 'add'; back: number }

/** The sum of results of one shape. */
export const add: LayerKind<'ADD', AddFeature> = {
  name: 'ADD',
  title: 'Sum',
  description: 'The sum of the last result and an earlier one.',
  label: () => '',
  isWeightLayer: false,
  notation: {
    feature: 'add',
    example: 'a residual connection past two entries (+2)',
    internal: true,
    read(entry) {
      const back = Number(/^\+(\d+)$/.exec(entry)?.[1] ?? Number.NaN)
      if (Number.isNaN(back)) return undefined
      return back >= 1 ? { kind: 'add', back } : 'it must reach back past one entry at least.'
    },
    write: ({ back }) => `+${back}`,
    check({ back }, entry) {
      if (!Number.isInteger(back) || back < 1) return 'it must reach back past one entry at least.'
      return back < entry ? null : `only ${entry} entries come before it, and it must leave one of them.`
    },
    grow: ({ back }, graph) => graph.add('ADD', {}, [graph.resultBefore(back + 1)]),
  },

  measure(_settings, inputs) {
    const [first] = inputs as [(typeof inputs)[number]]
    const other = inputs.find(({ shape }) => String(shape) !== String(first.shape))
    if (other !== undefined) {
      return new UnfitLayer(
        `it adds [${other.shape}] to [${first.shape}]; both must have one height, width and number of channels.`,
      )
    }
    const fields = inputs.map(({ field }) => field)
    const field = fields.includes(null) ? null : Math.max(...(fields as number[]))
    return { output: { ...first, field } }
  },
  variables: null,
  tensors: null,
  build: (tf, { name }) => tf.layers.add({ name }),
  fusing: null,
  memory: () => ({}),
  standard:
    'A LayersModel of the zoo is a chain of layers, and this network adds results of earlier ones, so it is none; its safetensors file has all its weights.',
  keras: {},
}
