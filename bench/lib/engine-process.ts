/** One measurement of one engine; engine.ts starts it. Its last line is the result as JSON, or why there is none. */
import { existsSync, rmSync } from 'node:fs'
import { setPriority } from 'node:os'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import * as tf from '@tensorflow/tfjs'
import type { ImageBatch } from '../../src/data/batches.ts'
import { loadAddon } from '../../src/engine/native/addon.ts'
import { selectEngine } from '../../src/engine/select.ts'
import { Random } from '../../src/random.ts'
import { createTrainingSession, type TrainingSession } from '../../src/trainer/session.ts'
import type { Architecture } from '../../src/zoo/architecture.ts'
import { canonicalTensors } from '../../src/zoo/formats/canonical.ts'
import { forwardOf } from '../../src/zoo/forward.ts'
import { buildModel, initializeWeights } from '../../src/zoo/model.ts'
import type { TensorToWrite } from '../../src/zoo/safetensors.ts'
import { openSafetensors, writeSafetensors } from '../../src/zoo/safetensors-file.ts'
import { type Measurements, type SoakSample, STARTED, THREADS } from './engine.ts'
import { trainable, withoutDropout } from './networks.ts'
import { median, quantile } from './statistics.ts'
import { saveWeights } from './weights.ts'

/** Until what runs at every step is compiled: code is no leftover of a step. */
const WARM_STEPS = 400
const RATE = 0.01
const SEED = 1

const MODES: {
  [Mode in keyof Measurements]: (
    job: Measurements[Mode]['job'],
    device: string,
  ) => Promise<Measurements[Mode]['result']>
} = { train, losses, forward, soak, leftovers }

const [mode, text] = process.argv.slice(2)
const job = JSON.parse(text)
if (job.nice !== undefined) setPriority(job.nice)
try {
  const { device } = await selectEngine(job.engine)
  console.log(JSON.stringify(await MODES[mode as keyof Measurements](job, device)))
} catch (error) {
  console.log((error as Error).message.split('\n')[0])
}
process.exit(0)

async function train(
  { engine, network, batch: size, seconds }: Measurements['train']['job'],
  device: string,
): Promise<Measurements['train']['result']> {
  const before = engine === 'native' ? measurePeak() : null
  const session = startSession(trainable(network))
  const batch = randomBatch(size)
  // The first step compiles and allocates; it does not count.
  await session.step(batch, 0, RATE)
  console.log(STARTED)
  const times: number[] = []
  const end = performance.now() + seconds * 1000
  while (times.length < 2 || performance.now() < end) {
    const started = performance.now()
    await session.step(batch, times.length + 1, RATE)
    times.push(performance.now() - started)
  }
  // Before and after: what a core can do changes while it works, and with what others do on its machine.
  const peak = before === null ? null : Math.max(before, measurePeak())
  const mebibytes = process.resourceUsage().maxRSS / 1024
  return { device, times, imagesPerSecond: (size * 1000) / median(times), peak, mebibytes }
}

/** Multiply-adds in registers on all threads: 0.3 s in parts, of which the best counts. */
function measurePeak(): number {
  const addon = loadAddon()
  const attempt = (rounds: number) => {
    const started = performance.now()
    const operations = addon.peak(rounds) * rounds * THREADS
    const seconds = (performance.now() - started) / 1000
    return { seconds, rate: operations / seconds }
  }
  // The first wakes the threads; the second says how many rounds take 0.05 s.
  attempt(100_000)
  const rounds = Math.ceil((100_000 / attempt(100_000).seconds) * 0.05)
  return Math.max(...Array.from({ length: 6 }, () => attempt(rounds).rate))
}

async function losses({
  network,
  batch: size,
  steps,
  file,
}: Measurements['losses']['job']): Promise<Measurements['losses']['result']> {
  const architecture = withoutDropout(trainable(network))
  const session = startSession(architecture)
  const batch = randomBatch(size)
  if (!existsSync(file)) {
    const weights = `${file}.weights`
    await saveWeights(session.model, architecture, weights)
    const { header, read, close } = await openSafetensors(weights)
    const batchTensors = new Map<string, Float32Array | BigInt64Array>([
      ['batch.x', batch.x],
      ['batch.y', BigInt64Array.from(batch.y, BigInt)],
    ])
    const outlines: TensorToWrite[] = [
      ...canonicalTensors(architecture),
      { name: 'batch.x', dtype: 'F32', shape: [size, ...architecture.inputShape] },
      { name: 'batch.y', dtype: 'I64', shape: [size] },
    ]
    await writeSafetensors(file, outlines, {}, async ({ name }) => {
      const entry = header.entries.find((it) => it.name === name)
      return entry === undefined ? batchTensors.get(name)! : (await read(entry)).data
    })
    await close()
    rmSync(weights)
  }
  const values: number[] = []
  for (let step = 0; step < steps; step++) values.push((await session.step(batch, step, RATE)).loss)
  return { losses: values }
}

/** What the predictor does with a batch between decoding its pictures and answering. */
async function forward(
  { network, seconds, batch: size = 1 }: Measurements['forward']['job'],
  device: string,
): Promise<Measurements['forward']['result']> {
  const model = buildModel(trainable(network))
  initializeWeights(model, SEED)
  const infer = forwardOf(model, { training: false })
  const { x } = randomBatch(size)
  const times: number[] = []
  let end = Number.POSITIVE_INFINITY
  let before = process.cpuUsage()
  // Five to warm up: the first ones order the filters and compile.
  for (let count = -5; count < 5 || performance.now() < end; count++) {
    if (count === 0) {
      end = performance.now() + seconds * 1000
      before = process.cpuUsage()
    }
    const started = performance.now()
    const logits = tf.tidy(() => infer(tf.tensor4d(x, [size, 32, 32, 3])))
    await logits.data()
    if (count >= 0) times.push(performance.now() - started)
    logits.dispose()
  }
  const { user, system } = process.cpuUsage(before)
  const pictures = size * times.length
  const picturesPerSecond = (pictures * 1000) / times.reduce((sum, time) => sum + time, 0)
  const cpuMs = (user + system) / 1000 / pictures
  return { device, p50: quantile(times, 0.5), p95: quantile(times, 0.95), picturesPerSecond, cpuMs }
}

async function soak({
  network,
  batch: size,
  steps,
  seconds,
}: Measurements['soak']['job']): Promise<Measurements['soak']['result']> {
  const session = startSession(trainable(network))
  const source = randomBatch(size)
  const samples: SoakSample[] = []
  const started = performance.now()
  let step = 0
  for (; step < steps && performance.now() < started + seconds * 1000; step++) {
    if (step >= 200 && step % 100 === 0) samples.push(sample(step))
    // Arrays of its own for every step, as training has them.
    const batch = { x: source.x.slice(), y: source.y.slice(), size }
    await session.step(batch, step, RATE)
  }
  samples.push(sample(step))
  return { samples, imagesPerSecond: (step * size * 1000) / (performance.now() - started) }
}

async function leftovers({
  network,
  batch: size,
  steps,
}: Measurements['leftovers']['job']): Promise<Measurements['leftovers']['result']> {
  setFlagsFromString('--expose-gc')
  const gc = runInNewContext('gc') as NodeJS.GCFunction
  const session = startSession(trainable(network))
  const batch = randomBatch(size)
  const train = async (steps: number) => {
    for (let step = 0; step < steps; step++) await session.step(batch, step, RATE)
    // Who survives two is in the old generation: then the heap holds no young garbage.
    gc({ type: 'minor' })
    gc({ type: 'minor' })
    return process.memoryUsage().heapUsed
  }
  await train(WARM_STEPS)
  gc()
  const before = await train(0)
  return { bytesPerStep: ((await train(steps)) - before) / steps }
}

function sample(step: number): SoakSample {
  const { rss, heapUsed, arrayBuffers } = process.memoryUsage()
  const mebi = 2 ** 20
  return {
    step,
    mebibytes: rss / mebi,
    heap: heapUsed / mebi,
    buffers: arrayBuffers / mebi,
    tensors: tf.memory().numTensors,
  }
}

function startSession(architecture: Architecture): TrainingSession {
  const optimizer = { kind: 'sgd', momentum: 0.9, nesterov: false, weightDecay: 0 } as const
  return createTrainingSession(architecture, { optimizer, labelSmoothing: 0 }, SEED)
}

function randomBatch(size: number): ImageBatch {
  const x = new Random(SEED).normal(size * 32 * 32 * 3, 1)
  return { x, y: Int32Array.from({ length: size }, (_, i) => i % 10), size }
}
