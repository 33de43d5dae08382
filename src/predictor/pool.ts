import { deviceEnvironment, visibleGpus } from './devices.ts'
import { PredictorUnavailableError } from './errors.ts'
import { createPredictorWorker, type PredictorWorker, type PredictorWorkerOptions } from './worker.ts'

/** How much longer a model's requests wait at its home than they would elsewhere before a second process loads it. */
const COPY_MS = 500

/**
 * Several predictor processes as one. Every model has a home, so that its weights lie in one memory; where that has much more to do than another process,
 * the other one helps with a copy.
 */
export function createPool(size: number, options: Omit<PredictorWorkerOptions, 'env'>): PredictorWorker {
  const gpus = visibleGpus()
  const workers = Array.from({ length: size }, (_, index) =>
    createPredictorWorker({ ...options, env: deviceEnvironment(index, size, gpus) }),
  )
  const homeOf = (model: number) =>
    Number.parseInt(options.names.refOf(model).digest.slice(0, 8), 16) % size || 0

  /** From the one that should have the task to those that can in its place. */
  function inOrder(model: number): PredictorWorker[] {
    const home = workers[homeOf(model)]!
    const cost = (worker: PredictorWorker) =>
      worker.expectedMs() + (worker === home || worker.has(model) ? 0 : COPY_MS)
    if (size === 1) return [home]
    return [home, ...workers.filter((worker) => worker !== home)].sort(
      (one, other) => cost(one) - cost(other),
    )
  }

  return {
    start() {
      for (const worker of workers) worker.start()
    },
    engine: () => workers[0]!.engine(),
    give(task) {
      const rest = inOrder(task.model)
      let cancel = () => {}
      const giveNext = (why?: Error): void => {
        const worker = rest.shift()
        if (worker === undefined) throw why
        const refusal = startOf(worker)
        if (refusal !== null) giveNext(refusal)
        else cancel = worker.give({ ...task, reject })
      }
      // What a process that cannot be started leaves, another one does.
      const reject = (error: Error) => {
        try {
          if (error instanceof PredictorUnavailableError) giveNext(error)
          else task.reject(error)
        } catch {
          task.reject(error)
        }
      }
      giveNext()
      return () => cancel()
    },
    expectedMs: () => Math.min(...workers.map((worker) => worker.expectedMs())),
    has: (model) => workers.some((worker) => worker.has(model)),
    isLoaded: (digest) => workers.some((worker) => worker.isLoaded(digest)),
    async close() {
      await Promise.all(workers.map((worker) => worker.close()))
    },
  }
}

/** @returns why a process cannot be started, or null */
function startOf(worker: PredictorWorker): PredictorUnavailableError | null {
  try {
    worker.start()
    return null
  } catch (error) {
    if (error instanceof PredictorUnavailableError) return error
    throw error
  }
}
