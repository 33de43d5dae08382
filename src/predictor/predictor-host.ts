import { availableParallelism } from 'node:os'
import { setTimeout as passed } from 'node:timers/promises'
import type { Logger } from 'pino'
import type { EngineReport } from '../engine/report.ts'
import { StoppingError } from '../errors.ts'
import { type Child, type ChildExit, endOf, lastWords, startChild } from '../process/child.ts'
import { type Messages, openMessages } from '../process/messages.ts'
import { PredictorUnavailableError } from './errors.ts'
import type { FromPredictor, PredictorAnswer, PredictorRequest, ToPredictor } from './protocol.ts'

export interface HostOptions {
  entry: URL
  configure: ToPredictor
  env: NodeJS.ProcessEnv
  logger: Pick<Logger, 'info' | 'warn' | 'error'>
  times: HostTimes
  onReady(): void
  onAnswer(message: PredictorAnswer): void
  /** The process that was sent requests is gone; another one follows, or `onGivenUp`. */
  onDeath(exit: string): void
  onGivenUp(error: PredictorUnavailableError): void
}

export interface HostTimes {
  /** A process that is not ready after this time is killed: loading a GPU's libraries takes up to half a minute. */
  startMs: number
  /** A process that has requests and says nothing for this time is killed: VGG-19 at 224 x 224 takes minutes on `cpu`. */
  silenceMs: number
  /** The wait before the second start in a row; it doubles each time. The first is at once. */
  backoffMs: number
  /** After the last start failed, requests are refused at once for this time. */
  restMs: number
}

/** Pictures that are decoded side by side; the forward pass has the remaining core. */
export const DECODERS = Math.max(2, Math.min(8, availableParallelism() - 1))

/**
 * For glibc's malloc, unless the server's own environment says something else. It would have eight arenas for each core, and
 * what libvips' threads free in one of them no other uses; with two, they wait for each other, and a JPEG of 54 kB takes 3.4 ms
 * of the processor in place of 3.0. What is as large as the threshold goes back to the system when it is freed: after 10,000
 * pictures a predictor had 205 MiB, 371 without it, and 291 with two arenas.
 */
const MALLOC = { MALLOC_ARENA_MAX: '4', MALLOC_MMAP_THRESHOLD_: String(2 ** 20) }

/** Starts in a row without a single answer. */
const MAX_STARTS = 5
/** For a process that sends its spans at its end: it gives itself a second. */
const LEAVE_MS = 1500

type Status = 'idle' | 'starting' | 'ready' | 'waiting' | 'givenUp' | 'closed'

/**
 * Keeps one predictor process alive: starts it, watches that it answers, starts it again when it dies, and gives
 * up for a while when that doesn't help. All that it knows of requests is whether one is open.
 */
export interface Host {
  /** Does nothing while a process is there or on its way. Throws after it has given up, until the rest is over. */
  start(): void
  readonly ready: boolean
  send(message: PredictorRequest): void
  /** Whether the process has requests: only then is its silence a fault. */
  owesAnswer(owes: boolean): void
  /** Starts the process if none was started yet. */
  engine(): Promise<EngineReport>
  /** Kills the process and resolves when it is gone. */
  close(): Promise<void>
}

export function createHost(options: HostOptions): Host {
  const { logger, times } = options
  let status: Status = 'idle'
  let child: Child<ToPredictor> | undefined
  let line: Messages<PredictorRequest> | undefined
  let startsInARow = 0
  let restUntil = 0
  let refusal: PredictorUnavailableError | undefined
  let owing = false
  let killedFor: string | undefined
  let report = deferred<EngineReport>()
  let backoff: NodeJS.Timeout | undefined
  let watch: NodeJS.Timeout | undefined

  function spawn(): void {
    status = 'starting'
    startsInARow++
    killedFor = undefined
    const started = startChild<ToPredictor, FromPredictor>({
      entry: options.entry,
      role: 'predictor',
      env: {
        ...MALLOC,
        ...process.env,
        ...options.env,
        UV_THREADPOOL_SIZE: String(DECODERS),
      },
      line: true,
      onMessage,
      onOutput: (line) => logger.info({ predictor: started.pid }, line),
    })
    child = started
    line = started.line && openMessages<PredictorAnswer, PredictorRequest>(started.line, onAnswer)
    owing = false
    watchFor(times.startMs, 'was not ready')
    started.send(options.configure)
    void started.exited.then(onExit)
  }

  /** Ends the process unless the watch is set again in time. */
  function watchFor(ms: number, fault: string): void {
    clearTimeout(watch)
    watch = setTimeout(() => {
      killedFor = `${fault} for ${ms / 1000} s`
      child?.kill('SIGKILL')
    }, ms).unref()
  }

  function watchSilence(): void {
    if (owing) watchFor(times.silenceMs, 'did not answer')
    else clearTimeout(watch)
  }

  function onMessage(message: FromPredictor): void {
    if (status === 'closed') return
    switch (message.type) {
      case 'ready':
        status = 'ready'
        clearTimeout(watch)
        logger.info({ predictor: child?.pid, engine: message.engine }, 'predictor is ready')
        if (report.settled) report = deferred()
        report.resolve(message.engine)
        options.onReady()
        return
      case 'unavailable':
        giveUp(message.message)
        return
    }
  }

  function onAnswer(message: PredictorAnswer): void {
    if (status === 'closed') return
    if (message.type !== 'kept') {
      startsInARow = 0
      watchSilence()
    }
    options.onAnswer(message)
  }

  function onExit(exit: ChildExit): void {
    clearTimeout(watch)
    child = undefined
    if (status === 'closed' || status === 'givenUp') return
    const words = killedFor ?? endOf(exit)
    logger.warn({ startsInARow }, `the predictor process ${words}`)
    const served = status === 'ready'
    if (startsInARow >= MAX_STARTS) {
      if (served) options.onDeath(words)
      const said = lastWords(exit)
      giveUp(
        `The predictor process ended ${startsInARow} times in a row; the last time it ${words}.${said === null ? '' : ` Its last words: ${said}`}`,
      )
      return
    }
    status = 'waiting'
    // Without a wait after a process that worked; then 1, 2, 4, 8 times backoffMs.
    const wait = startsInARow === 0 ? 0 : times.backoffMs * 2 ** (startsInARow - 1)
    backoff = setTimeout(spawn, wait)
    if (served) options.onDeath(words)
  }

  function giveUp(reason: string): void {
    status = 'givenUp'
    startsInARow = 0
    restUntil = performance.now() + times.restMs
    refusal = new PredictorUnavailableError(reason)
    logger.error(reason)
    if (report.settled) report = deferred()
    report.reject(refusal)
    child?.kill('SIGKILL')
    options.onGivenUp(refusal)
  }

  return {
    start() {
      if (status === 'closed') throw new StoppingError()
      if (status === 'givenUp') {
        // The process that reported its engine missing may still be on its way out.
        if (performance.now() < restUntil || child !== undefined) throw refusal
        report = deferred()
        spawn()
      }
      if (status === 'idle') spawn()
    },
    get ready() {
      return status === 'ready'
    },
    send(message) {
      line?.send(message)
    },
    owesAnswer(owes) {
      if (status !== 'ready' || owes === owing) return
      owing = owes
      watchSilence()
    },
    engine() {
      if (status === 'idle') spawn()
      return report.promise
    },
    async close() {
      status = 'closed'
      clearTimeout(backoff)
      clearTimeout(watch)
      report.reject(new StoppingError())
      if (options.configure.isTraced) await left()
      child?.kill('SIGKILL')
      await child?.exited
    },
  }

  /** Resolves when the process has sent its spans and is gone, or takes too long for it. */
  async function left(): Promise<void> {
    line?.send({ type: 'leave' })
    await Promise.race([child?.exited, passed(LEAVE_MS, undefined, { ref: false })])
  }
}

interface Deferred<T> {
  readonly promise: Promise<T>
  readonly settled: boolean
  resolve(value: T): void
  reject(error: Error): void
}

function deferred<T>(): Deferred<T> {
  let settled = false
  let settle: { resolve(value: T): void; reject(error: Error): void } | undefined
  const promise = new Promise<T>((resolve, reject) => {
    settle = { resolve, reject }
  })
  // Nobody has to ask which engine runs.
  promise.catch(() => {})
  return {
    promise,
    get settled() {
      return settled
    },
    resolve(value) {
      settled = true
      settle?.resolve(value)
    },
    reject(error) {
      settled = true
      settle?.reject(error)
    },
  }
}
