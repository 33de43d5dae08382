/**
 * Whether the native engine lasts and gets along with others on the machine:
 *   npm run bench:endurance
 *   BENCH_PARTS=memory,neighbour,predict npm run bench:endurance
 * Ends with 1 where memory grows or a neighbour costs more than half.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { selectEngine } from '../src/engine/select.ts'
import type { PredictRequest } from '../src/predictor/predictor.ts'
import { listOf } from './cases.ts'
import { type Measurements, measureEngine } from './engine.ts'
import { check, checkGrowth } from './growth.ts'
import { trainable } from './networks.ts'
import { cell, measureLatency, SAMPLE, startPredictor, storeRandomModel } from './predictions.ts'
import { median } from './statistics.ts'

const ENGINE = 'native'
const NETWORK = 'vgg_mini'
/** Training that fills every core for as long as it is measured. */
const TRAINING = { engine: ENGINE, network: NETWORK, batch: 128, seconds: 6 } as const
/** As src/trainer/trainer-process.ts sets it. */
const TRAINER_NICE = 10
const ROUNDS = 2

const LEAST_BESIDE_NEIGHBOUR = 0.5
/** A picture every so often: an answer, a pause, the next. */
const PAUSE_MS = 50

const PARTS = { memory, neighbour, predict }
const wanted = listOf('BENCH_PARTS') ?? Object.keys(PARTS)
console.log(`${cpus().length} x ${cpus()[0].model.trim()}, Node ${process.version}`)
for (const part of wanted) {
  const run = PARTS[part as keyof typeof PARTS]
  if (run === undefined) throw new Error(`BENCH_PARTS: ${part} is none of ${Object.keys(PARTS).join(', ')}.`)
  await run()
}

/** Thousands of steps in one process: nothing of a step may stay behind. */
async function memory(): Promise<void> {
  const job = { engine: ENGINE, network: NETWORK, batch: 64, steps: 2000, seconds: 120 } as const
  const result = needed(await measureEngine('soak', job))
  const { samples, imagesPerSecond } = result
  console.log(`\nMemory: ${NETWORK}, batch ${job.batch}, ${imagesPerSecond.toFixed(1)} images/s`)
  console.log('    step  RSS MiB  heap  array buffers  tensors')
  for (const it of samples) {
    const numbers = [it.step, it.mebibytes.toFixed(1), it.heap.toFixed(1), it.buffers.toFixed(1), it.tensors]
    console.log(numbers.map((text, i) => String(text).padStart([8, 9, 6, 15, 9][i])).join(''))
  }
  checkGrowth(
    `from step ${samples[0].step} to ${samples.at(-1)!.step}`,
    samples.map((it) => it.mebibytes),
  )
  const tensors = new Set(samples.map((it) => it.tensors))
  check(`tensors: ${[...tensors].join(', ')}`, tensors.size === 1, 'always as many')
  const warm = needed(
    await measureEngine('leftovers', { engine: ENGINE, network: NETWORK, batch: 16, steps: 400 }),
  )
  console.log(
    `  of JavaScript's heap, a step leaves ${warm.bytesPerStep.toFixed(0)} bytes to a full collection`,
  )
}

/** A process that spins on one core: the kernels wait for their slowest thread, so they must not wait for it for long. */
async function neighbour(): Promise<void> {
  console.log(`\nNeighbour: ${NETWORK}, batch ${TRAINING.batch}, while another process spins on a core`)
  const equal = await besideNeighbour(0)
  check(
    'as its equal',
    equal >= LEAST_BESIDE_NEIGHBOUR,
    `at least ${LEAST_BESIDE_NEIGHBOUR} of what it is alone`,
  )
  // Nothing to judge: there the system itself gives the core to the neighbour.
  await besideNeighbour(TRAINER_NICE)
}

/** @returns the part of its throughput that is left to the trainer */
async function besideNeighbour(nice: number): Promise<number> {
  const alone: number[] = []
  const beside: number[] = []
  for (let round = 0; round < ROUNDS; round++) {
    alone.push(throughput(needed(await measureEngine('train', { ...TRAINING, nice }))))
    let spinner: ChildProcess | undefined
    try {
      const job = { ...TRAINING, nice }
      beside.push(throughput(needed(await measureEngine('train', job, () => (spinner = spin())))))
    } finally {
      spinner?.kill('SIGKILL')
    }
  }
  const ratio = median(beside.map((value, i) => value / alone[i]))
  console.log(`  nice ${nice}: alone ${rates(alone)}, beside it ${rates(beside)}, ${ratio.toFixed(2)} x`)
  return ratio
}

function spin(): ChildProcess {
  // Ends by itself when nobody is left to end it.
  const program = [process.execPath, '-e', 'const end = Date.now() + 60_000; while (Date.now() < end);']
  const pinned = spawnSync('taskset', ['-c', '0', 'true']).status === 0
  const [command, ...rest] = pinned ? ['taskset', '-c', '0', ...program] : program
  return spawn(command, rest, { stdio: 'ignore' })
}

/** Predictions while a run trains, and the run while it is predicted. */
async function predict(): Promise<void> {
  const trainer = { ...TRAINING, nice: TRAINER_NICE }
  console.log(
    `\nPredictions (p50 / p95), one every answer and ${PAUSE_MS} ms, and a trainer of ${NETWORK}, batch ` +
      `${TRAINING.batch}, nice ${TRAINER_NICE}`,
  )
  const folder = await mkdtemp(join(tmpdir(), 'vggzoo-bench-'))
  const predictor = startPredictor(ENGINE, folder)
  try {
    // The engine of this process only writes the weights.
    await selectEngine('cpu')
    for (const network of [NETWORK, 'lecture_vgg16']) {
      const request = { model: await storeRandomModel(trainable(network), folder), image: SAMPLE }
      const options = { milliseconds: TRAINING.seconds * 1000, pauseMs: PAUSE_MS }
      const alone = await measureLatency(predictor, request, options)
      const undisturbed = throughput(needed(await measureEngine('train', trainer)))
      const { latency, imagesPerSecond } = await whileTraining(trainer, request)
      console.log(
        `  ${network.padEnd(14)} alone ${cell(alone)} · during training ${cell(latency)}, ` +
          `${(latency.p50 / alone.p50).toFixed(1)} x · training ${undisturbed.toFixed(1)} images/s, ` +
          `with predictions ${imagesPerSecond.toFixed(1)}, ${(imagesPerSecond / undisturbed).toFixed(2)} x`,
      )
    }
  } finally {
    await predictor.close()
    await rm(folder, { recursive: true })
  }

  async function whileTraining(job: Measurements['train']['job'], request: PredictRequest) {
    let latency: ReturnType<typeof measureLatency> | undefined
    const result = await measureEngine('train', job, () => {
      // A little less than the trainer's time, so that no prediction has the machine to itself.
      latency = measureLatency(predictor, request, {
        milliseconds: (TRAINING.seconds - 0.5) * 1000,
        pauseMs: PAUSE_MS,
      })
    })
    return { imagesPerSecond: throughput(needed(result)), latency: await latency! }
  }
}

/** Of all steps, not of the median one: what disturbs, disturbs some of them. */
function throughput({ times }: Measurements['train']['result']): number {
  return (TRAINING.batch * 1000 * times.length) / times.reduce((sum, time) => sum + time, 0)
}

function rates(values: readonly number[]): string {
  return `${values.map((value) => value.toFixed(1)).join(' and ')} images/s`
}

function needed<Result>(result: Result | string): Result {
  if (typeof result === 'string') throw new Error(result)
  return result
}
