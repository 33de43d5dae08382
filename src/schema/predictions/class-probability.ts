import type { ClassProbability } from '../../predictor/protocol.ts'
import { builder } from '../builder/builder.ts'

export const ClassProbabilityRef = builder.objectRef<ClassProbability>('ClassProbability').implement({
  description: 'Probability of one class.',
  fields: (t) => ({
    label: t.exposeString('label', { description: 'The class.' }),
    probability: t.exposeFloat('probability', { description: '0 to 1; all of them add up to 1.' }),
  }),
})
