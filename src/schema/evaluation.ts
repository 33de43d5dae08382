import type { Prisma } from '../db/generated/client.ts'
import type { EvaluationResult } from '../runs/trainer/protocol.ts'
import { builder } from './builder.ts'

/** The stored result, and the labels that belong to its rows and columns. */
interface EvaluationShape {
  result: Prisma.JsonValue
  classes: readonly string[]
}

const resultOf = ({ result }: EvaluationShape) => result as unknown as EvaluationResult

const ClassScore = builder
  .objectRef<{ label: string; accuracy: number | null; count: number }>('ClassScore')
  .implement({
    description: 'How one class does.',
    fields: (t) => ({
      label: t.exposeString('label', { description: 'The class.' }),
      accuracy: t.exposeFloat('accuracy', {
        nullable: true,
        description: 'Fraction of its images that were recognised (its recall); null when none was seen.',
      }),
      count: t.exposeInt('count', { description: 'Its images that were seen.' }),
    }),
  })

export const EvaluationRef = builder.objectRef<EvaluationShape>('Evaluation').implement({
  description: 'A finished network on the test images.',
  fields: (t) => ({
    loss: t.float({
      nullable: true,
      description: 'Mean cross-entropy in nats; null when it is not finite.',
      resolve: (it) => resultOf(it).loss,
    }),
    accuracy: t.float({ description: 'Fraction that is right.', resolve: (it) => resultOf(it).accuracy }),
    top5Accuracy: t.float({
      description: 'Fraction whose true class is among the five most likely.',
      resolve: (it) => resultOf(it).top5Accuracy,
    }),
    count: t.int({ description: 'Images that were seen.', resolve: (it) => resultOf(it).count }),
    confusionMatrix: t.field({
      type: t.listRef(t.listRef('Int')),
      description: 'Counts of images: a row for each true class, a column for each predicted one.',
      resolve: (it) => resultOf(it).confusionMatrix,
    }),
    perClass: t.field({
      type: [ClassScore],
      description: 'How each class does.',
      complexity: { field: 1, multiplier: 1 },
      resolve: (it) =>
        resultOf(it).confusionMatrix.map((row, i) => {
          const count = row.reduce((sum, n) => sum + n, 0)
          return { label: it.classes[i], accuracy: count === 0 ? null : row[i] / count, count }
        }),
    }),
  }),
})
