import type { Logger } from 'pino'
import { DamagedDatasetError } from '../data/errors.ts'
import { OverloadedError } from '../errors.ts'
import type { EvaluationResult } from '../models/evaluation-result.ts'
import { PredictorUnavailableError } from '../predictor/errors.ts'
import { closedError } from '../predictor/predictor-host.ts'
import { fromRejection } from '../predictor/rejection.ts'
import { type Child, lastWords, startChild } from '../process/child.ts'
import type { EvaluationJob, FromEvaluator } from './protocol.ts'

/** Evaluates weights, one at a time, each in a process of its own: minutes of work that no prediction waits for. */
export interface ModelEvaluator {
  /**
   * The same job at the same time is done once.
   * Rejects with OverloadedError, DamagedDatasetError, DamagedArtifactError, UnusableModelError or
   * PredictorUnavailableError.
   */
  evaluate(
    job: Pick<EvaluationJob, 'datasetFile' | 'datasetDigest' | 'model' | 'limit'>,
  ): Promise<EvaluationResult>
  /** Ends what is at work and refuses what waits. */
  close(): Promise<void>
}

export interface ModelEvaluatorOptions extends Pick<EvaluationJob, 'engine' | 'artifactsFolder'> {
  log: Pick<Logger, 'info' | 'warn'>
  /** Evaluations that may wait for the one at work. */
  maxWaiting?: number
  /** The compiled evaluate-process.js, where this file itself is not compiled. */
  entry?: URL
  /** A process that says nothing for so long is killed: on `cpu`, VGG-19 at 224 x 224 takes minutes for a picture. */
  silenceMs?: number
}

/** All 10,000 images of CIFAR-10 on a small network and the slowest engine in use; until one was measured. */
const FIRST_GUESS_MS = 60_000

export function createModelEvaluator(options: ModelEvaluatorOptions): ModelEvaluator {
  const { engine, artifactsFolder, log, maxWaiting = 8, silenceMs = 900_000 } = options
  const entry = options.entry ?? new URL('./scoring-process.js', import.meta.url)
  const open = new Map<string, Promise<EvaluationResult>>()
  let last: Promise<unknown> = Promise.resolve()
  let child: Child<EvaluationJob> | undefined
  let tookMs = FIRST_GUESS_MS
  let closed = false

  async function run(job: EvaluationJob): Promise<EvaluationResult> {
    if (closed) throw closedError()
    const began = performance.now()
    let answer: FromEvaluator | undefined
    let silent = false
    let watch: NodeJS.Timeout | undefined
    const started = startChild<EvaluationJob, FromEvaluator>({
      entry,
      onMessage(message) {
        if (message.type === 'seen') watchSilence()
        else answer = message
      },
      onOutput: (line) => log.info({ evaluator: started.pid }, line),
    })
    const watchSilence = () => {
      clearTimeout(watch)
      watch = setTimeout(() => {
        silent = true
        started.kill('SIGKILL')
      }, silenceMs).unref()
    }
    child = started
    watchSilence()
    started.send(job)
    const exit = await started.exited
    clearTimeout(watch)
    child = undefined
    if (closed) throw closedError()
    switch (answer?.type) {
      case 'evaluated':
        tookMs = performance.now() - began
        log.info({ ms: Math.round(tookMs), engine: answer.engine, images: answer.result.count }, 'evaluated')
        return answer.result
      case 'unavailable':
        throw new PredictorUnavailableError(answer.message)
      case 'damagedDataset':
        throw new DamagedDatasetError(answer.message)
      case 'rejected':
        throw fromRejection(answer.rejection)
    }
    const said = lastWords(exit)
    const how = silent
      ? `said nothing for ${silenceMs / 1000} s`
      : exit.outOfMemory
        ? 'ran out of memory'
        : `ended (${exit.signal ?? exit.code})`
    throw new Error(
      `The process that evaluates a model ${how}.${said === null ? '' : ` Its last words: ${said}`}`,
    )
  }

  return {
    async evaluate(wanted) {
      const job: EvaluationJob = { engine, artifactsFolder, ...wanted }
      const key = JSON.stringify(job)
      const same = open.get(key)
      if (same !== undefined) return same
      if (open.size > maxWaiting) {
        const retryAfterMs = Math.round(tookMs)
        const message = `${open.size} evaluations are at work or waiting already. Try again in ${Math.ceil(retryAfterMs / 1000)} s.`
        throw new OverloadedError(message, retryAfterMs, open.size)
      }
      const result = last.then(() => run(job)).finally(() => open.delete(key))
      last = result.catch(() => {})
      open.set(key, result)
      return result
    },
    async close() {
      closed = true
      child?.kill('SIGKILL')
      await last
    },
  }
}
