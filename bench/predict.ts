/**
 * First the forward pass alone, of a picture that is in memory, in a process of its own: like beside like. Then the
 * whole way, from `predict()` in this process to its answer: IPC, decoding, forward pass, PNG.
 */
import { setMaxListeners } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { selectEngine } from '../src/engine/select.ts'
import type { Predictor, PredictRequest } from '../src/predictor/predictor.ts'
import type { ModelRef } from '../src/predictor/protocol.ts'
import { defineBench } from './lib/bench.ts'
import { Absentees, type Contender, chosenContenders, ENGINES_OPTION } from './lib/cases.ts'
import { type EngineName, measureEngine, THREADS } from './lib/engine.ts'
import { trainable } from './lib/networks.ts'
import {
  cell,
  type Latency,
  measureLatency,
  SAMPLE,
  startPredictor,
  storeRandomModel,
} from './lib/predictions.ts'
import { measureTorch } from './lib/pytorch.ts'
import { photograph } from './lib/sent-pictures.ts'
import { median } from './lib/statistics.ts'

const NETWORKS = ['vgg_mini', 'lecture_vgg16']
/** PyTorch's time over that of native's forward pass. */
const TARGETS: Readonly<Record<string, number>> = { lecture_vgg16: 3 }
const CONCURRENT = 32
/** Each measurement ends after so many predictions or this time. */
const MOST = 200
const MEASURE_MS = 2000
/** The machine's speed drifts: native and PyTorch take turns. */
const ROUNDS = 3

export const bench = defineBench({
  measures: 'milliseconds of a prediction on each engine, beside PyTorch',
  takes: '2 minutes',
  needs: 'PyTorch with OpenBLAS for ratios',
  options: { engines: ENGINES_OPTION },
  async run({ engines }) {
    const contenders = chosenContenders(engines)
    const absent = new Absentees()
    const folder = await mkdtemp(join(tmpdir(), 'vggzoo-bench-'))
    try {
      console.log(
        "ms per prediction: p50 / p95; x: PyTorch's forward pass of one picture takes so many times the p50",
      )
      const torch = new Map<string, number>()
      for (const network of NETWORKS) torch.set(network, await measureForward(network, contenders, absent))
      // The engine of this process only writes the weights.
      await selectEngine('cpu')
      const models: ModelRef[] = []
      for (const network of NETWORKS) models.push(await storeRandomModel(trainable(network), folder))
      const photo = await photograph()
      for (const engine of contenders) {
        if (engine === 'pytorch' || absent.has(engine)) continue
        const reason = await measureWhole(engine, folder, models, torch, photo)
        if (reason !== null) absent.report(engine, reason)
      }
    } finally {
      await rm(folder, { recursive: true })
    }
  },
})

/** The forward pass of one picture on every engine. @returns PyTorch's median in ms, or NaN */
async function measureForward(
  network: string,
  contenders: readonly Contender[],
  absent: Absentees,
): Promise<number> {
  console.log(`\n${network}: the forward pass alone`)
  const architecture = trainable(network)
  const rounds = new Map<Contender, Latency[]>()
  let batches = Number.NaN
  let version = ''
  const measure = async (contender: Contender) => {
    if (absent.has(contender)) return
    const result =
      contender === 'pytorch'
        ? measureTorch('forward', architecture, { seconds: 1 })
        : await measureEngine('forward', { engine: contender, network, seconds: 1 })
    if (typeof result === 'string') return absent.report(contender, result)
    if ('version' in result) {
      batches = result.batchPerSecond
      version = result.version
    }
    rounds.set(contender, [...(rounds.get(contender) ?? []), result])
  }
  const pair: Contender[] = contenders.filter(
    (contender) => contender === 'native' || contender === 'pytorch',
  )
  for (let round = 0; round < ROUNDS; round++) for (const contender of pair) await measure(contender)
  for (const contender of contenders) if (!pair.includes(contender)) await measure(contender)

  const theirs = rounds.get('pytorch')
  const torch = median(theirs?.map(({ p50 }) => p50) ?? [])
  for (const [contender, results] of rounds) {
    const [p50, p95] = [median(results.map((it) => it.p50)), median(results.map((it) => it.p95))]
    // Native beside the PyTorch of its own round.
    const ratios =
      theirs?.length === results.length ? results.map((it, i) => theirs[i].p50 / it.p50) : [torch / p50]
    const target = contender === 'native' && theirs !== undefined ? TARGETS[network] : undefined
    const title = contender === 'pytorch' ? `PyTorch ${version}, ${THREADS} threads` : contender
    const cells = [`${cell({ p50, p95 })} ${times(median(ratios))}`]
    if (contender === 'pytorch') cells.push(`batch of ${CONCURRENT} ${batches.toFixed(1)} pictures/s`)
    if (target !== undefined) cells.push(`target ${target} x ${median(ratios) >= target ? 'met' : 'missed'}`)
    row(title, cells)
  }
  return torch
}

/** @returns null, or why nothing was measured */
async function measureWhole(
  engine: EngineName,
  folder: string,
  models: ModelRef[],
  torch: ReadonlyMap<string, number>,
  bytes: Uint8Array,
): Promise<string | null> {
  const predictor = startPredictor(engine, folder)
  try {
    const started = performance.now()
    const report = await predictor.engine().catch((error: Error) => error)
    if (report instanceof Error) return report.message
    console.log(
      `\n${report.kind} (${report.device}), the whole way; ready in ${Math.round(performance.now() - started)} ms`,
    )
    const options = { milliseconds: MEASURE_MS, most: MOST }
    for (const model of models) {
      const first = performance.now()
      await predictor.predict({ model, image: SAMPLE })
      const load = performance.now() - first
      const small = await measureLatency(predictor, { model, image: SAMPLE }, options)
      const large = await measureLatency(predictor, { model, image: { bytes } }, options)
      const rate = await measureRate(predictor, { model, image: { bytes } })
      row(model.architecture.name, [
        `sample ${cell(small)} ${times(torch.get(model.architecture.name)! / small.p50)}`,
        `photograph ${cell(large)}`,
        `${CONCURRENT} at once ${rate.toFixed(1)} photographs/s`,
        `first ${Math.round(load)} ms`,
      ])
    }
    return null
  } finally {
    await predictor.close()
  }
}

/** Predictions a second while 32 callers wait at any time. */
async function measureRate(predictor: Predictor, request: PredictRequest): Promise<number> {
  const time = AbortSignal.timeout(MEASURE_MS)
  setMaxListeners(CONCURRENT, time)
  let answers = 0
  const started = performance.now()
  let last = started
  await Promise.all(
    Array.from({ length: CONCURRENT }, async () => {
      while (!time.aborted) {
        const answered = await predictor.predict(request, time).catch((error: unknown) => {
          if (!time.aborted) throw error
        })
        if (answered === undefined) return
        answers++
        last = performance.now()
      }
    }),
  )
  return answers / ((last - started) / 1000)
}

function times(value: number): string {
  return Number.isNaN(value) ? '' : `(${value.toFixed(2)} x)`
}

function row(title: string, cells: readonly string[]): void {
  console.log(`  ${title.padEnd(24)} ${cells.join(' · ')}`)
}
