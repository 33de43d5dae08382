import type { Logger } from 'pino'
import type { EngineRequest } from '../engine/ranking.ts'
import type { EngineReport } from '../engine/report.ts'
import { OverloadedError } from '../errors.ts'
import type { Telemetry } from '../ports/telemetry.ts'
import { PredictionFailedError, type PredictorUnavailableError } from './errors.ts'
import { sniffImageFormat } from './pictures/format.ts'
import { closedError, createHost, type HostTimes } from './predictor-host.ts'
import type { ClassProbability, FromPredictor, Inspection, ModelRef, PredictImage } from './protocol.ts'
import { createRate } from './rate.ts'
import { fromRejection } from './rejection.ts'

export interface PredictRequest {
  model: ModelRef
  image: PredictImage
  /**
   * Answers with the feature maps of a layer in place of the picture that the network saw, or with values, and no
   * probabilities.
   */
  inspect?: Inspection
}

export interface PredictOutcome {
  /** One for each label, most likely first; they sum to 1 within 1e-6. Empty when the network was inspected. */
  probabilities: ClassProbability[]
  /** The PNG of the picture the network saw; of the feature maps when a layer was asked for. */
  input: Buffer
  /** Of gradients [height, width], or of features [units]; only when they were asked for. */
  values?: Float32Array
  /** From the call to the answer, with the wait. */
  latencyMs: number
}

export interface PredictorOptions {
  engine: EngineRequest
  artifactsFolder: string
  logger: Pick<Logger, 'info' | 'warn' | 'error'>
  telemetry: Telemetry
  /** Requests that may be open at one time. */
  maxQueue?: number
  /** Bytes of weights that may stay loaded. */
  modelBytes?: number
  /** The compiled predictor-process.js, where this file itself is not compiled. */
  entry?: URL
  times?: Partial<HostTimes>
}

/** Classifies pictures in a process of its own, so that the server's event loop stays free. */
export interface Predictor {
  /** Starts the process; `predict` does so too. */
  start(): void
  /** What the process computes on. Rejects with a PredictorUnavailableError when it cannot start. */
  engine(): Promise<EngineReport>
  /**
   * Rejects with UnsupportedImageError, OverloadedError, DamagedArtifactError (the weights file is missing or
   * altered), UnusableModelError, PredictorUnavailableError, PredictionFailedError, or the signal's reason.
   */
  predict(request: PredictRequest, signal?: AbortSignal): Promise<PredictOutcome>
  /** Requests that are not answered yet. */
  readonly queueDepth: number
  /** Pictures that were classified so far. */
  readonly answered: number
  /** Rejects what is open, and resolves when the process is gone. */
  close(): Promise<void>
}

const DEFAULT_MAX_QUEUE = 64
const DEFAULT_MODEL_BYTES = 2 ** 30
/** Pictures that wait lie in the server's memory. */
const MAX_WAITING_BYTES = 256 * 2 ** 20
/** A request is tried again once after the process died with it. */
const MAX_DEATHS = 2

interface Open {
  id: number
  request: PredictRequest
  bytes: number
  startedAt: number
  /** The process has it. */
  sent: boolean
  /** Processes that died while they had it. */
  deaths: number
  resolve(outcome: PredictOutcome): void
  reject(error: unknown): void
}

export function createPredictor(options: PredictorOptions): Predictor {
  const {
    engine,
    artifactsFolder,
    logger,
    telemetry,
    maxQueue = DEFAULT_MAX_QUEUE,
    modelBytes = DEFAULT_MODEL_BYTES,
  } = options
  const open = new Map<number, Open>()
  const rate = createRate()
  let lastId = 0
  let openBytes = 0
  let answered = 0

  const host = createHost({
    entry: options.entry ?? new URL('./predictor-process.js', import.meta.url),
    configure: { type: 'configure', engine, artifactsFolder, modelBytes },
    logger,
    times: { startMs: 60_000, silenceMs: 300_000, backoffMs: 250, restMs: 30_000, ...options.times },
    onReady: dispatch,
    onAnswer,
    onBatch: ({ pictures, ms }) => telemetry.record({ kind: 'predictorBatch', pictures, ms }),
    onDeath,
    onGivenUp: rejectAll,
  })

  /**
   * Hands requests to the process: all of them, as it makes the batches. After a death, those that the dead process
   * had go one by one before the rest, so that a picture that kills takes no innocent one with it.
   */
  function dispatch(): void {
    if (!host.ready) return
    const suspect = [...open.values()].find(({ deaths }) => deaths > 0)
    for (const entry of suspect === undefined ? open.values() : [suspect]) {
      if (entry.sent) continue
      entry.sent = true
      host.send({ type: 'predict', id: entry.id, ...entry.request })
    }
    host.owesAnswer([...open.values()].some(({ sent }) => sent))
  }

  function onAnswer(message: Extract<FromPredictor, { type: 'predicted' | 'rejected' }>): void {
    const entry = open.get(message.id)
    if (entry !== undefined) {
      remove(entry)
      rate.answered()
      if (message.type === 'rejected') entry.reject(fromRejection(message.rejection))
      else {
        if (entry.request.inspect === undefined) answered += 1
        entry.resolve({
          probabilities: message.probabilities,
          input: Buffer.from(message.png),
          values: message.values,
          latencyMs: performance.now() - entry.startedAt,
        })
      }
    }
    dispatch()
  }

  function onDeath(words: string): void {
    for (const entry of [...open.values()]) {
      if (!entry.sent) continue
      entry.sent = false
      entry.deaths++
      if (entry.deaths < MAX_DEATHS) continue
      remove(entry)
      entry.reject(
        new PredictionFailedError(
          `The predictor process ended twice with this picture; the last time it ${words}.`,
        ),
      )
    }
  }

  function rejectAll(error: PredictorUnavailableError): void {
    for (const entry of [...open.values()]) {
      remove(entry)
      entry.reject(error)
    }
  }

  function remove(entry: Open): void {
    open.delete(entry.id)
    openBytes -= entry.bytes
  }

  return {
    start: () => host.start(),
    engine: () => host.engine(),
    get queueDepth() {
      return open.size
    },
    get answered() {
      return answered
    },
    async predict({ model, image, inspect }, signal) {
      signal?.throwIfAborted()
      const request = { model: plainModel(model), image, inspect }
      const bytes = checkImage(request)
      if (open.size >= maxQueue || openBytes + bytes > MAX_WAITING_BYTES) {
        const retryAfterMs = rate.msFor(open.size)
        const message = `${open.size} predictions are waiting already. Try again in ${retryAfterMs} ms.`
        throw new OverloadedError(message, retryAfterMs, open.size)
      }
      host.start()
      let onAbort: (() => void) | undefined
      const outcome = new Promise<PredictOutcome>((resolve, reject) => {
        const id = ++lastId
        const entry: Open = {
          id,
          request,
          bytes,
          startedAt: performance.now(),
          sent: false,
          deaths: 0,
          resolve,
          reject,
        }
        rate.began(open.size)
        open.set(id, entry)
        openBytes += bytes
        onAbort = () => {
          if (!open.has(id)) return
          remove(entry)
          if (entry.sent) host.send({ type: 'cancel', id })
          reject(signal?.reason)
          dispatch()
        }
        signal?.addEventListener('abort', onAbort, { once: true })
      })
      dispatch()
      try {
        return await outcome
      } finally {
        if (onAbort !== undefined) signal?.removeEventListener('abort', onAbort)
      }
    },
    async close() {
      const closed = host.close()
      rejectAll(closedError())
      await closed
    },
  }
}

/** Only what is needed crosses to the process, whatever else the caller's object carries. */
function plainModel({
  digest,
  architecture,
  preprocessing: { size, resize, mean, std, labels },
}: ModelRef): ModelRef {
  return { digest, architecture, preprocessing: { size, resize, mean, std, labels } }
}

/** What is wrong at first sight is refused here and costs the process nothing. Returns the size in bytes. */
function checkImage({ model, image }: PredictRequest): number {
  if ('bytes' in image) {
    sniffImageFormat(image.bytes)
    return image.bytes.length
  }
  const [height, width] = model.preprocessing.size
  if (image.pixels.length !== height * width * 3) {
    throw new RangeError(`${image.pixels.length} bytes are no RGB picture of ${height} x ${width} pixels.`)
  }
  return image.pixels.length
}
