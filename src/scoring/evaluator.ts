import type { Logger } from 'pino'
import { createTurns } from '../concurrency/one-at-a-time.ts'
import { DamagedDatasetError } from '../data/errors.ts'
import { OverloadedError, StoppingError } from '../errors.ts'
import type { Telemetry } from '../ports/telemetry.ts'
import { PredictorUnavailableError } from '../predictor/errors.ts'
import { fromRejection } from '../predictor/rejection.ts'
import { runJob } from '../process/job.ts'
import type { Evaluated, EvaluationJob, FromEvaluator } from './protocol.ts'

/** Evaluates weights, one at a time, each in a process of its own: minutes of work that no prediction waits for. */
export interface ModelEvaluator {
  /**
   * The same job at the same time is done once.
   * Rejects with OverloadedError, DamagedDatasetError, DamagedArtifactError, UnusableModelError or
   * PredictorUnavailableError.
   */
  evaluate(job: Pick<EvaluationJob, 'datasetFile' | 'datasetDigest' | 'model' | 'limit'>): Promise<Evaluated>
  /** Ends what is at work and refuses what waits. */
  close(): Promise<void>
}

export interface ModelEvaluatorOptions extends Pick<EvaluationJob, 'engine' | 'artifactsFolder'> {
  logger: Pick<Logger, 'info' | 'warn'>
  telemetry: Telemetry
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
  const { engine, artifactsFolder, logger, telemetry, maxWaiting = 8, silenceMs = 900_000 } = options
  const entry = options.entry ?? new URL('./scoring-process.js', import.meta.url)
  const open = new Map<string, Promise<Evaluated>>()
  const inTurn = createTurns()
  const closing = new AbortController()
  let tookMs = FIRST_GUESS_MS

  async function run(task: EvaluationJob): Promise<Evaluated> {
    const began = performance.now()
    const answer = await runJob<EvaluationJob, FromEvaluator, 'seen'>(
      {
        name: 'evaluation',
        entry,
        task,
        what: 'evaluates a model',
        onOutput: (line, evaluator) => logger.info({ evaluator }, line),
        silenceMs,
        telemetry,
      },
      { seen() {} },
      closing.signal,
    )
    switch (answer.type) {
      case 'evaluated':
        tookMs = performance.now() - began
        logger.info(
          { ms: Math.round(tookMs), engine: answer.engine, images: answer.result.count },
          'evaluated',
        )
        return { result: answer.result, mistakes: answer.mistakes }
      case 'unavailable':
        throw new PredictorUnavailableError(answer.message)
      case 'damagedDataset':
        throw new DamagedDatasetError(answer.message)
      case 'rejected':
        throw fromRejection(answer.rejection)
    }
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
      const result = inTurn(() => run(job)).finally(() => open.delete(key))
      open.set(key, result)
      return result
    },
    async close() {
      closing.abort(new StoppingError())
      await inTurn(async () => {})
    },
  }
}
