/** The process that computes predictions: started by the server for all models. Its main thread has the engine. */
import { Worker } from 'node:worker_threads'
// A library that threads load must be there before them, and after: sharp says so.
import 'sharp'
import { EngineUnavailableError } from '../engine/engine-unavailable-error.ts'
import { selectEngine } from '../engine/select.ts'
import { dieWithParent } from '../process/lifeline.ts'
import { connectToParent } from '../process/parent.ts'
import { createBatcher } from './batcher.ts'
import type { FromIntake, IntakeData, ToIntake } from './intake-protocol.ts'
import { createModelCache, type Lease, type ModelCache } from './model-cache.ts'
import { loadNetwork, type Network, weightBytes } from './network.ts'
import type { FromPredictor, Inspection, ModelRef, ToPredictor } from './protocol.ts'
import { inspected } from './reasons/inspected.ts'
import { fromRejection, toRejection } from './rejection.ts'

interface Job {
  id: number
  model: number
  pixels: Uint8Array
  inspect?: Inspection
}

dieWithParent()

let intake: Worker
let networks: ModelCache<Network>
const models = new Map<number, { ref: ModelRef; bytes: number }>()
/** Files of weights that are being looked at. */
const verifying = new Map<string, { resolve(path: string): void; reject(error: Error): void }>()
/** Shared with the intake: how many pictures it is decoding. */
const decoding = new Int32Array(new SharedArrayBuffer(4))

const batcher = createBatcher<Job, Network>({
  acquire: (_key, { model }) => acquire(model),
  compute,
  fail: (jobs, error) => {
    for (const { id } of jobs) reject(id, error)
  },
  coming: () => Atomics.load(decoding, 0),
})

const parent = connectToParent<ToPredictor, FromPredictor>((message) => void configure(message))

async function configure({ engine, artifactsFolder, modelBytes, isTraced }: ToPredictor): Promise<void> {
  networks = createModelCache(modelBytes, (key, isLoaded) =>
    say({ type: 'kept', model: Number(key), isLoaded }),
  )
  const workerData: IntakeData = { artifactsFolder, isTraced, decoding }
  // An error that nobody expects there ends the process, as it does here.
  intake = new Worker(new URL('./intake-thread.js', import.meta.url), {
    workerData,
    execArgv: [],
    name: 'intake',
  })
  intake.on('message', (messages: FromIntake[]) => messages.forEach(onMessage))
  try {
    await parent.send({ type: 'ready', engine: await selectEngine(engine) })
  } catch (error) {
    // Anything else is a bug: it ends the process with its stack on stderr, which the server logs.
    if (!(error instanceof EngineUnavailableError)) throw error
    await parent.send({ type: 'unavailable', message: error.message })
    process.exit(0)
  }
}

function onMessage(message: FromIntake): void {
  switch (message.type) {
    case 'model':
      models.set(message.model, { ref: message.ref, bytes: weightBytes(message.ref.architecture) })
      return
    case 'picture':
      // Other questions than for a prediction are not computed together with it.
      batcher.add(
        message.id,
        `${message.model} ${JSON.stringify(message.inspect)}`,
        message,
        message.decodeMs,
      )
      return
    case 'load':
      void load(message)
      return
    case 'cancel':
      batcher.cancel(message.id)
      return
    case 'verified':
      verified(message.digest)?.resolve(message.path)
      return
    case 'unverified':
      verified(message.digest)?.reject(fromRejection(message.rejection))
  }
}

function verified(digest: string) {
  const waiting = verifying.get(digest)
  verifying.delete(digest)
  return waiting
}

function say(message: ToIntake): void {
  intake.postMessage(message)
}

function acquire(model: number): Promise<Lease<Network>> {
  const { ref, bytes } = models.get(model)!
  return networks.acquire(String(model), bytes, () => loadNetwork(ref, { materialise }))
}

/** One file at a time: as models are loaded. */
function materialise(digest: string): Promise<string> {
  say({ type: 'verify', digest })
  return new Promise((resolve, reject) => verifying.set(digest, { resolve, reject }))
}

async function load({ id, model }: Extract<FromIntake, { type: 'load' }>): Promise<void> {
  try {
    const { release } = await acquire(model)
    release()
    say({ type: 'loaded', id })
  } catch (error) {
    reject(id, error)
  }
}

async function compute(network: Network, jobs: Job[], pause: () => Promise<void>): Promise<void> {
  const { model, inspect } = jobs[0]!
  try {
    if (inspect !== undefined) return await tell(network, jobs, inspect)
    const began = performance.now()
    const logits = await network.logits(
      jobs.map(({ pixels }) => pixels),
      pause,
    )
    const ids = jobs.map(({ id }) => id)
    say({ type: 'computed', model, ids, logits, ms: performance.now() - began })
  } catch (error) {
    for (const { id } of jobs) reject(id, error)
  }
}

async function tell(network: Network, jobs: readonly Job[], inspect: Inspection): Promise<void> {
  for (const { id, pixels } of jobs)
    say({ type: 'inspected', id, ...(await inspected(network, pixels, inspect)) })
}

function reject(id: number, error: unknown): void {
  // A trap (out of bounds: out of memory) leaves an engine in WebAssembly in an unknown state. The server starts
  // a new process and asks it once more.
  if (error instanceof WebAssembly.RuntimeError) throw error
  const rejection = toRejection(error)
  if (rejection.kind === 'internal')
    process.stderr.write(`${error instanceof Error ? error.stack : rejection.message}\n`)
  say({ type: 'rejected', id, rejection })
}
