import { setTimeout as delay } from 'node:timers/promises'
import type { Logger } from 'pino'
import { hasGpuDevice } from '../engine/machine.ts'
import { type EngineRequest, type EngineTrial, enginesToTry } from '../engine/ranking.ts'
import { type EngineChoice, type EngineName, type EngineReport, NAME_OF_KIND } from '../engine/report.ts'
import type { Telemetry } from '../ports/telemetry.ts'
import type { Throughput } from '../runs/planning/throughput.ts'
import { analyze } from '../zoo/analysis.ts'
import { findArchitecture } from '../zoo/catalog.ts'
import { TRIAL_NETWORK, TRIAL_WORKLOAD } from './engine-trials/protocol.ts'
import { readTrials, writeTrials } from './engine-trials/record.ts'
import { QUICK_TRIAL, type TrialOptions, tryEngines } from './engine-trials/try-engines.ts'

/** Knows which engine is the fastest here: it tries them, once for each machine and version. */
export interface Engines {
  /** What processes are to compute on. A process gets it when it starts: with `auto`, what was measured until then. */
  readonly request: EngineRequest
  /** What was measured, fastest first, then what failed; empty where there was nothing to compare. */
  readonly trials: readonly EngineTrial[]
  /**
   * Tries engines if there is more than one that could be the fastest; called once.
   * @param taken  what a process took that was asked for `request`: it knows which GPU can be used
   */
  compare(taken: Promise<EngineReport>): void
  /**
   * How fast an engine trains the network of the trials; null where it cannot be measured. Measured within two seconds
   * or so when it is first asked for, where no trial has told already.
   */
  speedOf(engine: Pick<EngineReport, 'kind'>): Promise<Throughput | null>
  /** Resolves when no engine is being tried, nor about to be. Rejects with the signal's reason. */
  settled(signal: AbortSignal): Promise<void>
  /** Ends what is being tried. */
  close(): Promise<void>
}

export interface EnginesOptions {
  choice: EngineChoice
  /** Where the trials are kept from one start to the next. */
  file: string
  version: string
  logger: Pick<Logger, 'info' | 'warn'>
  telemetry: Telemetry
  /** Whether a GPU may be there; without one nothing waits for anything. */
  mayHaveGpu?: boolean
  trial?: Pick<TrialOptions, 'entry' | 'job' | 'limitMs'>
}

/** A process that has not said which engine it takes by then is in trouble of its own, and runs wait no longer for it. */
const REPORT_MS = 60_000

export function createEngines(options: EnginesOptions): Engines {
  const { choice, file, version, logger, telemetry, mayHaveGpu = hasGpuDevice() } = options
  const closing = new AbortController()
  let trials = choice === 'auto' && mayHaveGpu ? readTrials(file, version) : []
  let work: Promise<void> = Promise.resolve()
  const speeds = new Map<EngineName, Promise<Throughput | null>>()
  const auto = {
    get trials() {
      return trials
    },
  }

  async function tryWhatCouldBeFastest(taken: Promise<EngineReport>): Promise<void> {
    const { signal } = closing
    const report = await Promise.race([taken, delay(REPORT_MS, null, { signal, ref: false })])
    const names = report === null ? [] : enginesToTry(report, trials)
    if (names.length === 0) return
    trials = fastestFirst(await tryEngines(names, { ...options.trial, logger, telemetry, signal }))
    writeTrials(file, version, trials)
  }

  async function measureSpeed(name: EngineName): Promise<Throughput | null> {
    await work
    const { signal } = closing
    const told = trials.find(({ engine }) => engine === name)
    const [trial] = told
      ? [told]
      : await tryEngines([name], { job: QUICK_TRIAL, ...options.trial, logger, telemetry, signal })
    if (trial === undefined || trial.imagesPerSecond === null) return null
    const architecture = findArchitecture(TRIAL_NETWORK)!
    const { multiplyAdds } = analyze(architecture)
    return { ...TRIAL_WORKLOAD, architecture, multiplyAdds, imagesPerSecond: trial.imagesPerSecond }
  }

  return {
    request: choice === 'auto' ? auto : choice,
    get trials() {
      return trials
    },
    compare(taken) {
      if (choice !== 'auto' || !mayHaveGpu) return
      work = tryWhatCouldBeFastest(taken).catch((error: unknown) => {
        if (!closing.signal.aborted) logger.warn({ err: error }, 'the engines could not be compared')
      })
    },
    speedOf({ kind }) {
      const name = NAME_OF_KIND[kind]
      const speed = speeds.get(name) ?? measureSpeed(name).catch(() => null)
      speeds.set(name, speed)
      return speed
    },
    async settled(signal) {
      signal.throwIfAborted()
      await new Promise<void>((resolve, reject) => {
        const giveUp = () => reject(signal.reason)
        signal.addEventListener('abort', giveUp, { once: true })
        void work.then(resolve).finally(() => signal.removeEventListener('abort', giveUp))
      })
    },
    async close() {
      closing.abort()
      await Promise.all([work, ...speeds.values()])
    },
  }
}

function fastestFirst(trials: readonly EngineTrial[]): EngineTrial[] {
  return [...trials].sort((one, other) => (other.imagesPerSecond ?? 0) - (one.imagesPerSecond ?? 0))
}
