import type { Logger } from 'pino'
import type { EngineRequest } from '../engine/ranking.ts'
import type { EngineReport } from '../engine/report.ts'
import { OverloadedError } from '../errors.ts'
import { sniffImageFormat } from '../pictures/format.ts'
import { DamagedArtifactError } from '../ports/artifact-store.ts'
import type { Telemetry } from '../ports/telemetry.ts'
import type { Tracing } from '../ports/tracing.ts'
import { analyze } from '../zoo/analysis.ts'
import { PredictionFailedError, PredictorUnavailableError } from './errors.ts'
import { createModelNames } from './model-names.ts'
import { createPool } from './pool.ts'
import type { HostTimes } from './predictor-host.ts'
import { rankedSoftmax } from './probabilities.ts'
import type {
  ClassProbability,
  Inspected,
  Inspection,
  ModelRef,
  PredictImage,
  PredictionTimes,
} from './protocol.ts'
import { fromRejection } from './rejection.ts'
import type { TaskAnswer } from './worker.ts'

export interface PredictRequest {
  model: ModelRef
  image: PredictImage
  /** Of the span that it is part of. */
  traceparent?: string | undefined
}

export interface PredictOutcome {
  /** One for each label, most likely first; they sum to 1 within 1e-6. */
  probabilities: ClassProbability[]
  /** RGB bytes of the picture that the network saw, row by row. */
  pixels: Uint8Array
  /** From the call to the answer, with the wait. */
  latencyMs: number
  /** What the process did in that time. */
  times: PredictionTimes
}

export interface PredictorOptions {
  engine: EngineRequest
  artifactsFolder: string
  logger: Pick<Logger, 'info' | 'warn' | 'error'>
  telemetry: Telemetry
  tracing: Tracing
  /** Processes; 1 when left out. */
  processes?: number
  /** Milliseconds that a request may be expected to wait; with a longer wait before it, it is refused. */
  maxWaitMs?: number
  /** Requests that may be open at one time, however quick they are. */
  maxOpen?: number
  /** Bytes of weights that may stay loaded, in all processes together. */
  modelBytes?: number
  /** The compiled predictor-process.js, where this file itself is not compiled. */
  entry?: URL
  times?: Partial<HostTimes>
}

/** Classifies pictures in processes of its own, so that the server's event loop stays free. */
export interface Predictor {
  /** Starts the processes; `predict` does so too. */
  start(): void
  /** What a process computes on. Rejects with a PredictorUnavailableError when it cannot start. */
  engine(): Promise<EngineReport>
  /**
   * Rejects with UnsupportedImageError, OverloadedError, DamagedArtifactError (the weights file is missing or
   * altered), UnusableModelError, PredictorUnavailableError, PredictionFailedError, or the signal's reason.
   */
  predict(request: PredictRequest, signal?: AbortSignal): Promise<PredictOutcome>
  /** What the network tells of a picture beside its answer. Rejects as `predict` does. */
  inspect(request: PredictRequest & { inspect: Inspection }, signal?: AbortSignal): Promise<Inspected>
  /** Loads the weights of a model where they are not: the next prediction waits for none. Rejects as `predict` does. */
  warm(model: ModelRef): Promise<void>
  /** Whether weights are in the memory of a process, by their digest. */
  isLoaded(digest: string): boolean
  /** Requests that are not answered yet. */
  readonly queueDepth: number
  /** Pictures that were classified so far. */
  readonly answered: number
  /** Rejects what is open, and resolves when the processes are gone. */
  close(): Promise<void>
}

/** Of the server, and not of what was asked. */
const FAULTS = [PredictorUnavailableError, PredictionFailedError, DamagedArtifactError]

const DEFAULT_MAX_WAIT_MS = 20_000
const DEFAULT_MAX_OPEN = 1024
const DEFAULT_MODEL_BYTES = 2 ** 30
/** Pictures that wait lie in the server's memory. */
const MAX_WAITING_BYTES = 256 * 2 ** 20
/** Assumed of an engine until it was measured; the promise of a new model is no better than that. */
const MULTIPLY_ADDS_PER_MS = 2e7

export function createPredictor(options: PredictorOptions): Predictor {
  const {
    telemetry,
    tracing,
    processes = 1,
    maxWaitMs = DEFAULT_MAX_WAIT_MS,
    maxOpen = DEFAULT_MAX_OPEN,
    modelBytes = DEFAULT_MODEL_BYTES,
  } = options
  const names = createModelNames()
  const guesses = new Map<number, number>()
  let openBytes = 0
  let answered = 0
  let open = 0

  /** Milliseconds of a picture of a model that was not measured yet. */
  function guess(model: number): number {
    const known = guesses.get(model)
    if (known !== undefined) return known
    const ms = analyze(names.refOf(model).architecture).multiplyAdds / MULTIPLY_ADDS_PER_MS
    guesses.set(model, ms)
    return ms
  }

  const pool = createPool(processes, {
    entry: options.entry ?? new URL('./predictor-process.js', import.meta.url),
    configure: {
      type: 'configure',
      engine: options.engine,
      artifactsFolder: options.artifactsFolder,
      modelBytes: Math.floor(modelBytes / processes),
      isTraced: tracing.isOn,
    },
    logger: options.logger,
    times: { startMs: 60_000, silenceMs: 300_000, backoffMs: 250, restMs: 30_000, ...options.times },
    names,
    guess,
    onBatch: ({ pictures, ms }) => telemetry.record({ kind: 'predictorBatch', pictures, ms }),
  })

  /** @throws OverloadedError */
  function admit(bytes: number): void {
    const wait = pool.expectedMs()
    const isFull = open >= maxOpen || openBytes + bytes > MAX_WAITING_BYTES
    // What a slow engine has to do for one picture is no reason to refuse the second.
    const isLate = wait > maxWaitMs && open >= processes * 2
    if (!isFull && !isLate) return
    const left = isFull ? wait / 2 : wait - maxWaitMs
    const retryAfterMs = Math.ceil(Math.min(600_000, Math.max(1, left)))
    const message = `${open} predictions are waiting already. Try again in ${retryAfterMs} ms.`
    throw new OverloadedError(message, retryAfterMs, open)
  }

  async function ask(
    { model: ref, image, inspect, traceparent }: PredictRequest & { inspect?: Inspection },
    signal: AbortSignal | undefined,
  ): Promise<TaskAnswer> {
    signal?.throwIfAborted()
    const bytes = checkImage(ref, image)
    admit(bytes)
    let onAbort: (() => void) | undefined
    open += 1
    openBytes += bytes
    try {
      return await new Promise<TaskAnswer>((resolve, reject) => {
        const cancel = pool.give({ model: names.numberOf(ref), image, inspect, traceparent, resolve, reject })
        onAbort = () => {
          cancel()
          reject(signal?.reason)
        }
        signal?.addEventListener('abort', onAbort, { once: true })
      })
    } finally {
      open -= 1
      openBytes -= bytes
      if (onAbort !== undefined) signal?.removeEventListener('abort', onAbort)
    }
  }

  /** The same within a span: what a process does of it is part of that. */
  async function traced(request: PredictRequest, signal: AbortSignal | undefined): Promise<TaskAnswer> {
    const { digest, architecture } = request.model
    const span = tracing.begin('predict', {
      parent: request.traceparent,
      attributes: { 'vggzoo.architecture': architecture.name, 'vggzoo.weights': digest },
    })
    try {
      const answer = await ask({ ...request, traceparent: span.traceparent }, signal)
      if (answer.type === 'rejected') throw errorOf(answer)
      span.set({ 'vggzoo.outcome': 'answered' })
      return answer
    } catch (error) {
      const { name, message } = error as Error
      const isFault = FAULTS.some((kind) => error instanceof kind)
      span.set({ 'vggzoo.outcome': isFault ? 'failed' : 'refused', 'error.type': name })
      if (isFault) span.fail(name, message)
      throw error
    } finally {
      span.end()
    }
  }

  return {
    start: pool.start,
    engine: pool.engine,
    get queueDepth() {
      return open
    },
    get answered() {
      return answered
    },
    async predict(request, signal) {
      const startedAt = performance.now()
      const answer = await (request.traceparent === undefined
        ? ask(request, signal)
        : traced(request, signal))
      if (answer.type !== 'predicted') throw errorOf(answer)
      const probabilities = rankedSoftmax(answer.logits, request.model.preprocessing.labels)
      answered += 1
      const { pixels, times } = answer
      // What came is a view of all that came with it, and a prediction may be kept.
      return {
        probabilities,
        pixels: new Uint8Array(pixels),
        times,
        latencyMs: performance.now() - startedAt,
      }
    },
    async inspect(request, signal) {
      const answer = await ask(request, signal)
      if (answer.type !== 'inspected') throw errorOf(answer)
      return { png: answer.png, values: answer.values }
    },
    async warm(ref) {
      const model = names.numberOf(ref)
      if (pool.has(model)) return
      const answer = await new Promise<TaskAnswer>((resolve, reject) => {
        pool.give({ model, resolve, reject })
      })
      if (answer.type !== 'loaded') throw errorOf(answer)
    },
    isLoaded: pool.isLoaded,
    close: pool.close,
  }
}

function errorOf(answer: TaskAnswer): Error {
  if (answer.type === 'rejected') return fromRejection(answer.rejection)
  return new Error(`The predictor process answered with "${answer.type}".`)
}

/** What is wrong at first sight is refused here and costs the process nothing. Returns the size in bytes. */
function checkImage({ preprocessing }: ModelRef, image: PredictImage): number {
  if ('bytes' in image) {
    sniffImageFormat(image.bytes)
    return image.bytes.length
  }
  const [height, width] = preprocessing.size
  if (image.pixels.length !== height * width * 3) {
    throw new RangeError(`${image.pixels.length} bytes are no RGB picture of ${height} x ${width} pixels.`)
  }
  return image.pixels.length
}
