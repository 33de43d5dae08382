import * as z from 'zod'
import type { ModelVersion } from '../db/generated/client.ts'
import { COLOUR, RESIZE_RULES } from '../pictures/resize.ts'
import { evaluationResult, type StoredEvaluation } from './evaluation-result.ts'
import type { Preprocessing } from './preprocessing.ts'

/** What the JSON columns of a version's row hold. */
interface Stored {
  preprocessing: Preprocessing
  /** Null before the first evaluation. */
  evaluation: StoredEvaluation | null
}

const channels = z.tuple([z.number(), z.number(), z.number()])

/** As a run's hyperparameters have it, too. */
export const normalization = z.object({ mean: channels, std: channels })

const preprocessing: z.ZodType<Preprocessing> = normalization.extend({
  size: z.tuple([z.number(), z.number()]),
  resize: z.object({
    rule: z.enum(RESIZE_RULES),
    shorterSide: z.number().nullable(),
    background: z.string().regex(COLOUR).optional(),
  }),
  labels: z.array(z.string()),
})

const evaluation: z.ZodType<StoredEvaluation> = evaluationResult.extend({ dataset: z.string() })

/** Gives the columns of JSON of a row their shape: the one place that does. Throws a ZodError where they have another. */
export function toVersion<Row extends Pick<ModelVersion, keyof Stored>>(
  row: Row,
): Omit<Row, keyof Stored> & Stored {
  return {
    ...row,
    preprocessing: preprocessing.parse(row.preprocessing),
    evaluation: evaluation.nullable().parse(row.evaluation),
  }
}
