import type { Logger } from 'pino'
import type { EngineReport } from '../engine/report.ts'
import { StoppingError } from '../errors.ts'
import { PredictionFailedError } from './errors.ts'
import type { ModelNames } from './model-names.ts'
import { createHost, type HostTimes } from './predictor-host.ts'
import type { Inspection, PredictImage, PredictorAnswer, ToPredictor } from './protocol.ts'
import { createWaiting } from './waiting.ts'

/** What one process is asked for. */
export interface Task {
  model: number
  /** Left out, the weights of the model are loaded. */
  image?: PredictImage
  inspect?: Inspection
  /** Of the span that it is part of. */
  traceparent?: string | undefined
  /** The answer in the words of the protocol: `rejected` as well. */
  resolve(answer: TaskAnswer): void
  reject(error: Error): void
}

export type TaskAnswer =
  | (Extract<PredictorAnswer, { type: 'predicted' }>['pictures'][number] & { type: 'predicted' })
  | Exclude<PredictorAnswer, { type: 'predicted' | 'kept' }>

/**
 * A predictor process with the requests that it was given, or several of them as one (pool.ts): it outlives the processes,
 * and the requests do, too.
 */
export interface PredictorWorker {
  /** Starts the process. Throws a PredictorUnavailableError while it rests after its last start failed. */
  start(): void
  engine(): Promise<EngineReport>
  /** @returns what takes it back. Throws a PredictorUnavailableError where none of several processes can be asked. */
  give(task: Task): () => void
  /** Milliseconds until a request that comes now is begun with. */
  expectedMs(): number
  /** Whether the weights of a model are in memory. */
  has(model: number): boolean
  /** Whether weights are, by their digest. */
  isLoaded(digest: string): boolean
  /** Rejects what is open, and resolves when the process is gone. */
  close(): Promise<void>
}

export interface PredictorWorkerOptions {
  entry: URL
  configure: ToPredictor
  env: NodeJS.ProcessEnv
  logger: Pick<Logger, 'info' | 'warn' | 'error'>
  times: HostTimes
  names: Pick<ModelNames, 'refOf'>
  /** Milliseconds of a picture of a model that was not measured yet. */
  guess(model: number): number
  onBatch(batch: { pictures: number; ms: number }): void
}

/** A request is tried again once after the process died with it. */
const MAX_DEATHS = 2

interface Open {
  id: number
  task: Task
  /** The process has it. */
  sent: boolean
  /** Processes that died while they had it. */
  deaths: number
}

export function createPredictorWorker(options: PredictorWorkerOptions): PredictorWorker {
  const { names } = options
  const open = new Map<number, Open>()
  const waiting = createWaiting(options.guess)
  /** Those that are not sent yet; the process may not be ready. */
  const unsent = new Set<Open>()
  /** Those that a process died with. */
  const suspects = new Set<Open>()
  /** Models that the process was told. */
  const told = new Set<number>()
  const kept = new Set<number>()
  let lastId = 0

  const host = createHost({
    ...options,
    onReady: dispatch,
    onAnswer,
    onDeath,
    onGivenUp: rejectAll,
  })

  /**
   * Hands requests to the process: all of them, as it makes the batches. After a death, those that the dead process
   * had go one by one before the rest, so that a picture that kills takes no innocent one with it.
   */
  function dispatch(): void {
    if (!host.ready) return
    const [suspect] = suspects
    for (const entry of suspect === undefined ? [...unsent] : [suspect]) if (!entry.sent) send(entry)
    host.owesAnswer(open.size > unsent.size)
  }

  function send(entry: Open): void {
    const { id, task } = entry
    const { model, image, inspect, traceparent } = task
    entry.sent = true
    unsent.delete(entry)
    if (!told.has(model)) host.send({ type: 'model', model, ref: names.refOf(model) })
    told.add(model)
    // Each key of a message costs time, also where there is nothing under it.
    const span = traceparent === undefined ? null : { traceparent }
    host.send(
      image === undefined
        ? { type: 'load', id, model }
        : { type: 'predict', id, model, image, inspect, ...span },
    )
  }

  function onAnswer(answer: PredictorAnswer): void {
    if (answer.type === 'kept') {
      if (answer.isLoaded) kept.add(answer.model)
      else kept.delete(answer.model)
      return
    }
    if (answer.type === 'predicted') {
      const { model, computeMs: ms, pictures } = answer
      waiting.computed(model, Math.max(1, pictures.length))
      options.onBatch({ pictures: pictures.length, ms })
      for (const picture of pictures) settle({ type: 'predicted', ...picture })
    } else settle(answer)
    dispatch()
  }

  function settle(answer: TaskAnswer): void {
    const entry = open.get(answer.id)
    if (entry === undefined) return
    remove(entry)
    entry.task.resolve(answer)
  }

  function onDeath(words: string): void {
    told.clear()
    kept.clear()
    for (const entry of [...open.values()]) {
      if (!entry.sent) continue
      entry.sent = false
      entry.deaths++
      unsent.add(entry)
      suspects.add(entry)
      if (entry.deaths < MAX_DEATHS) continue
      remove(entry)
      entry.task.reject(
        new PredictionFailedError(
          `The predictor process ended twice with this picture; the last time it ${words}.`,
        ),
      )
    }
  }

  function rejectAll(error: Error): void {
    for (const entry of [...open.values()]) {
      remove(entry)
      entry.task.reject(error)
    }
  }

  function remove(entry: Open): void {
    open.delete(entry.id)
    unsent.delete(entry)
    suspects.delete(entry)
    waiting.ended(entry.task.model)
  }

  return {
    start: () => host.start(),
    engine: () => host.engine(),
    give(task) {
      const entry: Open = { id: ++lastId, task, sent: false, deaths: 0 }
      open.set(entry.id, entry)
      unsent.add(entry)
      waiting.began(task.model)
      dispatch()
      return () => {
        if (!open.has(entry.id)) return
        remove(entry)
        if (entry.sent) host.send({ type: 'cancel', id: entry.id })
        dispatch()
      }
    },
    expectedMs: waiting.expectedMs,
    has: (model) => kept.has(model),
    isLoaded: (digest) => [...kept].some((model) => names.refOf(model).digest === digest),
    async close() {
      const closed = host.close()
      rejectAll(new StoppingError())
      await closed
    },
  }
}
