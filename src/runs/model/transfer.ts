import * as z from 'zod'
import { type Freeze, HEADS, type Head } from '../../zoo/transfer.ts'

/** How a run treats the weights of another one that it begins with. Stored with every default filled in. */
export interface Transfer {
  freeze: Freeze
  head: Head
  /** The peak rate of `headLayers`; null for that of all others. */
  headLearningRate: number | null
  /** How many of the first layers are frozen, and which of them have weights. */
  frozen: number
  frozenLayers: string[]
  /** The layers that the seed draws. */
  newLayers: string[]
  /** The layers that headLearningRate is of: those that are new, or were to the run that this one is a fork of. */
  headLayers: string[]
}

export const transfer: z.ZodType<Transfer> = z.object({
  freeze: z.union([z.enum(['NONE', 'FEATURES']), z.object({ upTo: z.string() })]),
  head: z.enum(HEADS),
  headLearningRate: z.number().nullable(),
  frozen: z.int(),
  frozenLayers: z.array(z.string()),
  newLayers: z.array(z.string()),
  headLayers: z.array(z.string()),
})

/** The highest rate that a run may ask for: as of its own. */
export const MAX_HEAD_RATE = 10
