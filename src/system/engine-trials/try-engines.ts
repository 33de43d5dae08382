import type { Logger } from 'pino'
import type { EngineTrial } from '../../engine/ranking.ts'
import type { EngineName } from '../../engine/report.ts'
import { lastWords, startChild } from '../../process/child.ts'
import type { FromTrial, TrialJob } from './protocol.ts'

export interface TrialOptions {
  log: Pick<Logger, 'info'>
  signal: AbortSignal
  /** The compiled trial-process.js, where this file itself is not compiled. */
  entry?: URL
  job?: Omit<TrialJob, 'engine'>
  /** A trial that takes longer has failed: loading a GPU's libraries takes up to half a minute. */
  limitMs?: number
}

/** A second for each engine, or three steps of a slow one. */
const JOB = { batchSize: 128, warmUpSteps: 2, milliseconds: 1000, leastSteps: 3 }

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
    options.log.info({ engine, ...answer }, 'engine tried')
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
  { log, signal, job = JOB, limitMs = 60_000, ...options }: TrialOptions,
): Promise<FromTrial> {
  signal.throwIfAborted()
  const entry = options.entry ?? new URL('./trial-process.js', import.meta.url)
  let answer: FromTrial | undefined
  const child = startChild<TrialJob, FromTrial>({
    entry,
    onMessage(message) {
      answer = message
    },
    onOutput: (line) => log.info({ trial: child.pid, engine }, line),
  })
  const end = () => child.kill('SIGKILL')
  let late = false
  const limit = setTimeout(() => {
    late = true
    end()
  }, limitMs).unref()
  signal.addEventListener('abort', end, { once: true })
  child.send({ engine, ...job })
  const exit = await child.exited
  clearTimeout(limit)
  signal.removeEventListener('abort', end)
  signal.throwIfAborted()
  if (answer !== undefined) return answer
  if (late) return { type: 'failed', reason: `it took longer than ${limitMs / 1000} s` }
  const said = lastWords(exit)
  const ended = `its process ended (${exit.signal ?? exit.code})`
  return { type: 'failed', reason: said === null ? ended : `${ended}: ${said}` }
}
