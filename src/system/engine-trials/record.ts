import { readFileSync } from 'node:fs'
import { isDeepStrictEqual } from 'node:util'
import * as z from 'zod'
import { type Machine, thisMachine } from '../../engine/machine.ts'
import type { EngineTrial } from '../../engine/ranking.ts'
import { ENGINE_NAMES } from '../../engine/report.ts'
import { writeDurablyNow } from '../../storage/durable.ts'

/** What the engines did, and of which version on which machine. */
export interface TrialRecord {
  version: string
  machine: Machine
  trials: EngineTrial[]
}

const shape = z.object({
  version: z.string(),
  machine: z.object({ processor: z.string(), cores: z.number(), gpus: z.array(z.string()) }),
  trials: z.array(
    z.object({
      engine: z.enum(ENGINE_NAMES),
      imagesPerSecond: z.number().positive().nullable(),
      failure: z.string().nullable(),
    }),
  ),
})

/** The trials that the file holds; none if it is not there, is damaged, or is of another machine or version. */
export function readTrials(file: string, version: string): EngineTrial[] {
  let record: TrialRecord
  try {
    record = shape.parse(JSON.parse(readFileSync(file, 'utf8')))
  } catch {
    // Whatever is wrong with it, engines are tried again, in seconds.
    return []
  }
  const isOurs = record.version === version && isDeepStrictEqual(record.machine, thisMachine())
  return isOurs ? record.trials : []
}

export function writeTrials(file: string, version: string, trials: EngineTrial[]): void {
  const record: TrialRecord = { version, machine: thisMachine(), trials }
  writeDurablyNow(file, `${JSON.stringify(record, null, 2)}\n`)
}
