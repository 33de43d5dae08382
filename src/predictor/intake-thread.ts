/**
 * The thread of a predictor process that takes requests in, decodes their pictures and sends answers out, while the main
 * thread computes and hears nothing.
 */
import { Socket } from 'node:net'
import { parentPort, workerData } from 'node:worker_threads'
import sharp from 'sharp'
import { openArtifactStore } from '../adapters/local/artifact-store.ts'
import { openTracing } from '../adapters/tracing/open.ts'
import { prepareImage } from '../pictures/image.ts'
import { LINE_FD } from '../process/child.ts'
import { openMessages } from '../process/messages.ts'
import type { FromIntake, IntakeData, ToIntake } from './intake-protocol.ts'
import { type PictureTimes, tellBatch } from './picture-spans.ts'
import type { ModelRef, PredictImage, PredictorAnswer, PredictorRequest } from './protocol.ts'
import { toRejection } from './rejection.ts'

// Every picture is another one, so nothing is found again; and many small ones side by side beat one on many threads.
sharp.cache(false)
sharp.concurrency(1)

/** A picture that the engine has, or will have. */
interface Taken {
  at: number
  pixels: Uint8Array
  decodeMs: number
  traceparent: string | undefined
}

const { artifactsFolder, isTraced, decoding } = workerData as IntakeData
// Of this thread: it hears while the other one computes.
const tracing = await openTracing(isTraced, { process: 'predictor' })
const artifacts = openArtifactStore(artifactsFolder)
const refs = new Map<number, ModelRef>()
const taken = new Map<number, Taken>()
/** Requests whose picture is being decoded. */
const awaited = new Set<number>()

const server = openMessages<PredictorRequest, PredictorAnswer>(new Socket({ fd: LINE_FD }), (request) => {
  switch (request.type) {
    case 'model':
      refs.set(request.model, request.ref)
      hand(request)
      return
    case 'predict':
      void accept(request)
      return
    case 'load':
      hand(request)
      return
    case 'cancel':
      awaited.delete(request.id)
      if (taken.delete(request.id)) hand(request)
      return
    case 'leave':
      // A thread that exits ends itself alone.
      void tracing.close().then(() => process.kill(process.pid, 'SIGKILL'))
  }
})

parentPort!.on('message', (message: ToIntake) => {
  switch (message.type) {
    case 'computed':
      answer(message)
      return
    case 'verify':
      void verify(message.digest)
      return
    case 'inspected':
    case 'rejected':
      taken.delete(message.id)
      server.send(message)
      return
    default:
      server.send(message)
  }
})

let handed: FromIntake[] = []

/** What comes of one turn of the event loop goes together: a message costs both threads more than what is in it. */
function hand(message: FromIntake): void {
  if (handed.push(message) > 1) return
  setImmediate(() => {
    parentPort!.postMessage(handed)
    handed = []
  })
}

async function accept(request: Extract<PredictorRequest, { type: 'predict' }>) {
  const { id, model, image, inspect, traceparent } = request
  const at = performance.now()
  awaited.add(id)
  Atomics.add(decoding, 0, 1)
  try {
    const pixels = await pixelsOf(image, refs.get(model)!)
    if (!awaited.has(id)) return
    const decodeMs = performance.now() - at
    taken.set(id, { at, pixels, decodeMs, traceparent })
    hand({ type: 'picture', id, model, pixels, decodeMs, inspect })
  } catch (error) {
    reject(id, error)
  } finally {
    awaited.delete(id)
    Atomics.sub(decoding, 0, 1)
  }
}

async function pixelsOf(
  image: PredictImage,
  { preprocessing: { size, resize } }: ModelRef,
): Promise<Uint8Array> {
  if ('bytes' in image) return (await prepareImage(image.bytes, size, resize)).pixels
  return image.pixels.slice()
}

function answer({ model, ids, logits, ms }: Extract<ToIntake, { type: 'computed' }>): void {
  const now = performance.now()
  const classes = logits.length / ids.length
  const traced: PictureTimes[] = []
  const pictures = ids.flatMap((id, index) => {
    const picture = taken.get(id)
    if (picture === undefined) return []
    taken.delete(id)
    const { at, pixels, decodeMs, traceparent } = picture
    if (traceparent !== undefined) traced.push({ traceparent, at, decoded: at + decodeMs })
    const times = {
      decodeMs,
      queueMs: Math.max(0, now - at - decodeMs - ms),
      computeMs: ms,
      batch: ids.length,
    }
    return [{ id, logits: logits.subarray(index * classes, (index + 1) * classes), pixels, times }]
  })
  server.send({ type: 'predicted', model, computeMs: ms, pictures })
  tellBatch(tracing, traced, { size: ids.length, began: now - ms, ended: now })
}

/** Here, as it takes as long as reading the whole file. */
async function verify(digest: string): Promise<void> {
  try {
    hand({ type: 'verified', digest, path: await artifacts.materialise(digest) })
  } catch (error) {
    hand({ type: 'unverified', digest, rejection: toRejection(error) })
  }
}

function reject(id: number, error: unknown): void {
  const rejection = toRejection(error)
  if (rejection.kind === 'internal')
    process.stderr.write(`${error instanceof Error ? error.stack : rejection.message}\n`)
  server.send({ type: 'rejected', id, rejection })
}
