/** The process that decodes pictures and computes predictions: started by the server, one for all models. */
import sharp from 'sharp'
import { openArtifactStore } from '../adapters/local/artifact-store.ts'
import { EngineUnavailableError } from '../engine/engine-unavailable-error.ts'
import { selectEngine } from '../engine/select.ts'
import type { Preprocessing } from '../models/preprocessing.ts'
import type { ArtifactStore } from '../ports/artifact-store.ts'
import { dieWithParent } from '../process/lifeline.ts'
import { connectToParent } from '../process/parent.ts'
import { createBatcher } from './batcher.ts'
import { createModelCache, type ModelCache } from './model-cache.ts'
import { loadNetwork, type Network, weightBytes } from './network.ts'
import { encodePng, type PreparedImage, prepareImage } from './pictures/image.ts'
import { rankedSoftmax } from './probabilities.ts'
import type { FromPredictor, Inspection, ModelRef, PredictImage, ToPredictor } from './protocol.ts'
import { inspected } from './reasons/inspected.ts'
import { toRejection } from './rejection.ts'

interface Job {
  id: number
  model: ModelRef
  image: PreparedImage
  inspect: Inspection | undefined
}

dieWithParent()
// Every picture is another one, so nothing is found again; and many small ones side by side beat one on many threads.
sharp.cache(false)
sharp.concurrency(1)

let artifacts: ArtifactStore
let networks: ModelCache<Network>

/** Requests whose picture is being decoded. */
const decoding = new Set<number>()
const batcher = createBatcher<Job>(compute)

const parent = connectToParent<ToPredictor, FromPredictor>((message) => {
  switch (message.type) {
    case 'configure':
      void configure(message)
      return
    case 'predict':
      void accept(message)
      return
    case 'cancel':
      decoding.delete(message.id)
      batcher.cancel(message.id)
  }
})

async function configure(options: Extract<ToPredictor, { type: 'configure' }>): Promise<void> {
  artifacts = openArtifactStore(options.artifactsFolder)
  networks = createModelCache(options.modelBytes)
  try {
    await parent.send({ type: 'ready', engine: await selectEngine(options.engine) })
  } catch (error) {
    // Anything else is a bug: it ends the process with its stack on stderr, which the server logs.
    if (!(error instanceof EngineUnavailableError)) throw error
    await parent.send({ type: 'unavailable', message: error.message })
    process.exit(0)
  }
}

async function accept({
  id,
  model,
  image,
  inspect,
}: Extract<ToPredictor, { type: 'predict' }>): Promise<void> {
  decoding.add(id)
  try {
    const prepared = await prepare(image, model.preprocessing)
    if (!decoding.has(id)) return
    // Weights of one digest mean different things to different architectures and labels.
    batcher.add(id, JSON.stringify({ model, inspect }), { id, model, image: prepared, inspect })
  } catch (error) {
    reject(id, error)
  } finally {
    decoding.delete(id)
  }
}

async function prepare(image: PredictImage, { size, resize }: Preprocessing): Promise<PreparedImage> {
  if ('bytes' in image) return prepareImage(image.bytes, size, resize)
  return { pixels: image.pixels, png: await encodePng(image.pixels, size) }
}

async function compute(_key: string, jobs: Job[]): Promise<void> {
  const began = performance.now()
  await answer(jobs)
  void parent.send({ type: 'computed', pictures: jobs.length, ms: performance.now() - began })
}

async function answer(jobs: Job[]): Promise<void> {
  try {
    const { model, inspect } = jobs[0]!
    const network = await networks.get(JSON.stringify(model), weightBytes(model.architecture), () =>
      loadNetwork(model, artifacts),
    )
    if (inspect !== undefined) {
      for (const { id, image } of jobs) {
        const found = await inspected(network, image.pixels, inspect)
        void parent.send({ type: 'predicted', id, probabilities: [], ...found })
      }
      return
    }
    const logits = await network.logits(jobs.map(({ image }) => image.pixels))
    const { labels } = model.preprocessing
    for (const [index, { id, image }] of jobs.entries()) {
      // A picture that the network has no answer for takes no other one of its batch with it.
      try {
        const scores = logits.subarray(index * labels.length, (index + 1) * labels.length)
        const probabilities = rankedSoftmax(scores, labels)
        void parent.send({ type: 'predicted', id, probabilities, png: image.png })
      } catch (error) {
        reject(id, error)
      }
    }
  } catch (error) {
    for (const { id } of jobs) reject(id, error)
  }
}

function reject(id: number, error: unknown): void {
  // A trap (out of bounds: out of memory) leaves an engine in WebAssembly in an unknown state. The server starts
  // a new process and asks it once more.
  if (error instanceof WebAssembly.RuntimeError) throw error
  const rejection = toRejection(error)
  if (rejection.kind === 'internal')
    process.stderr.write(`${error instanceof Error ? error.stack : rejection.message}\n`)
  void parent.send({ type: 'rejected', id, rejection })
}
