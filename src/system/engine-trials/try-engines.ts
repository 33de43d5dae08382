import type { Logger } from 'pino'
import type { EngineTrial } from '../../engine/ranking.ts'
import type { EngineName } from '../../engine/report.ts'
import type { Telemetry } from '../../ports/telemetry.ts'
import { JobError, runJob } from '../../process/job.ts'
import { type FromTrial, TRIAL_WORKLOAD, type TrialJob } from './protocol.ts'

export interface TrialOptions {
  logger: Pick<Logger, 'info'>
  telemetry: Telemetry
  signal: AbortSignal
  /** The compiled trial-process.js, where this file itself is not compiled. */
  entry?: URL
  job?: Omit<TrialJob, 'engine'>
  /** A trial that takes longer has failed: loading a GPU's libraries takes up to half a minute. */
  limitMs?: number
}

const ENTRY = new URL('./trial-process.js', import.meta.url)

/** A second for each engine, or three steps of a slow one. */
const JOB = { ...TRIAL_WORKLOAD, warmUpSteps: 2, milliseconds: 1000, leastSteps: 3 }

/** Enough for an estimate, and over before anybody has waited for it. */
export const QUICK_TRIAL = { ...JOB, warmUpSteps: 1, milliseconds: 300, leastSteps: 2 }

/**
 * Times engines, one at a time, each in a process of its own. After the first engine of the processor that has a
 * figure there is nothing to learn of those that follow. An engine that is not there has no trial.
 * Rejects with the signal's reason.
 */
export async function tryEngines(
  engines: readonly EngineName[],
  options: TrialOptions,
): Promise<EngineTrial[]> {
  const trials: EngineTrial[] = []
  for (const engine of engines) {
    const answer = await tryInProcess(engine, options)
    options.logger.info({ engine, ...answer }, 'engine tried')
    if (answer.type === 'measured') {
      trials.push({ engine, imagesPerSecond: answer.imagesPerSecond, failure: null })
      if (engine === 'native') break
    }
    if (answer.type === 'failed') trials.push({ engine, imagesPerSecond: null, failure: answer.reason })
  }
  return trials
}

async function tryInProcess(
  engine: EngineName,
  { logger, telemetry, signal, job = JOB, limitMs = 60_000, entry = ENTRY }: TrialOptions,
): Promise<FromTrial> {
  try {
    return await runJob<TrialJob, FromTrial>(
      {
        name: 'engineTrial',
        entry,
        task: { engine, ...job },
        what: 'tried it',
        onOutput: (line, trial) => logger.info({ trial, engine }, line),
        // It says nothing before its answer.
        silenceMs: limitMs,
        telemetry,
      },
      {},
      signal,
    )
  } catch (error) {
    if (!(error instanceof JobError)) throw error
    return { type: 'failed', reason: error.how }
  }
}
