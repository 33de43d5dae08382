import * as z from 'zod'

/**
 * What a network does on the test images. Plain data: it crosses processes and is stored as JSON. An image has no answer
 * when one of its logits is not finite. A network with such an image has no figures: it is not as good as chance, and
 * whatever ranks networks leaves it out.
 */
export interface EvaluationResult {
  /** Mean cross-entropy in nats; null when an image has no answer. */
  loss: number | null
  /** Null when `loss` is, and so is the other. */
  accuracy: number | null
  top5Accuracy: number | null
  /** The cells of the confusion matrix that are not 0, row by row; of a thousand classes hardly any of the million is. */
  confusion: ConfusionCell[]
  /** Test images seen. */
  count: number
  /** The most confident ones, at most MAX_MISTAKES (scoring/tally.ts): by confidence, ties by index. */
  mistakes: Mistake[]
}

/** Images of one class that were taken for one, the same or another. Classes are indexes; images without an answer are in none. */
export type ConfusionCell = [label: number, predicted: number, count: number]

/** A test image that was taken for another class. Classes are indexes. A type, as Prisma takes no interface for JSON. */
export type Mistake = {
  /** Its place in the test split, from 0. */
  index: number
  label: number
  predicted: number
  /** Soft-max probability of the predicted class. */
  confidence: number
  /** The same of the true class. */
  trueConfidence: number
}

/** An evaluation of a model version, with the data set that it was made on. */
export interface StoredEvaluation extends EvaluationResult {
  dataset: string
}

const figure = z.number().nullable()

/** Of a column of JSON that has it. */
export const evaluationResult = z.object({
  loss: figure,
  accuracy: figure,
  top5Accuracy: figure,
  confusion: z.array(z.tuple([z.number(), z.number(), z.number()])),
  count: z.number(),
  mistakes: z.array(
    z.object({
      index: z.number(),
      label: z.number(),
      predicted: z.number(),
      confidence: z.number(),
      trueConfidence: z.number(),
    }),
  ),
}) satisfies z.ZodType<EvaluationResult>
