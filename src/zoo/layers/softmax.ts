import { type LayerKind, same } from './kind.ts'

/** Logits [n, classes] -> probabilities. On logits the loss is exact also when a class is hopeless. */
export const softmax: LayerKind<'SOFTMAX'> = {
  name: 'SOFTMAX',
  title: 'Soft-max',
  description: 'Probabilities that add up to 1; the loss and the predictor apply it.',
  label: () => '',
  isWeightLayer: false,
  notation: null,

  measure: same,
  variables: null,
  tensors: null,
  build: null,
  fusing: null,
  memory: () => ({ isView: true }),
  standard: ({ name }) => [
    { kind: 'SOFTMAX', name, settings: '', className: 'Softmax', config: { axis: -1 } },
  ],
  keras: {
    activation: 'softmax',
    readers: {
      Softmax({ shape, is, must }) {
        must('axis', -1, shape.length)
        return [is('SOFTMAX')]
      },
    },
  },
}
