/**
 * Latency and throughput of predictions on every engine of this machine, and Debian's PyTorch beside them.
 *   npm run bench:predict
 * The weights are random: speed does not depend on them. The whole way is measured, from `predict()` in this
 * process to its answer: IPC, decoding, forward pass, PNG. PyTorch computes the forward pass alone.
 */
import { setMaxListeners } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import sharp from 'sharp'
import { openArtifactStore } from '../src/artifacts/store.ts'
import { ENGINE_CHOICES, type EngineChoice } from '../src/engine/report.ts'
import { selectEngine } from '../src/engine/select.ts'
import { createPredictor, type Predictor, type PredictRequest } from '../src/inference/predictor.ts'
import type { ModelRef, PredictImage } from '../src/inference/protocol.ts'
import type { Architecture } from '../src/zoo/architecture.ts'
import { findArchitecture } from '../src/zoo/catalog.ts'
import { buildModel, initializeWeights } from '../src/zoo/model.ts'
import { encodeSafetensors } from '../src/zoo/safetensors.ts'
import { exportWeights } from '../src/zoo/weights.ts'
import { measureTorch, TORCH_THREADS } from './pytorch.ts'

const NETWORKS = ['vgg_mini', 'lecture_vgg16']
const CONCURRENT = 32
/** Each measurement ends after so many predictions or this time. */
const MOST = 200
const MEASURE_MS = 2000

const folder = await mkdtemp(join(tmpdir(), 'vggzoo-bench-'))
try {
  console.log(`${cpus().length} x ${cpus()[0]?.model.trim()}, Node ${process.version}`)
  console.log('ms per prediction: p50 / p95; x: times the PyTorch forward pass of one picture, of p50\n')
  await main()
} finally {
  await rm(folder, { recursive: true })
}

async function main(): Promise<void> {
  // The engine of this process only writes the weights.
  await selectEngine('cpu')
  const models = await Promise.all(NETWORKS.map((name) => storeRandomModel(findArchitecture(name)!)))
  const torch = new Map<string, number>()
  for (const name of NETWORKS) {
    const result = measureTorch('forward', findArchitecture(name)!)
    if (typeof result === 'string') {
      console.log(`PyTorch: ${result}`)
      break
    }
    torch.set(name, result.p50)
    row(`PyTorch ${result.version}, ${TORCH_THREADS} threads`, name, [
      ['forward', cell(result.p50, result.p95)],
      [`batch of ${CONCURRENT}`, `${result.batchPerSecond.toFixed(1)} pictures/s`],
    ])
  }
  const photo = await photograph(500, 375)
  const sample = new Uint8Array(32 * 32 * 3).fill(120)
  for (const engine of ENGINE_CHOICES) {
    if (engine !== 'auto') await measureEngine(engine, models, torch, { bytes: photo }, { pixels: sample })
  }
}

async function measureEngine(
  engine: EngineChoice,
  models: ModelRef[],
  torch: Map<string, number>,
  photo: PredictImage,
  sample: PredictImage,
): Promise<void> {
  const predictor = createPredictor({
    engine,
    artifactsFolder: folder,
    log: { info() {}, warn: console.warn, error() {} },
    entry: new URL('../dist/inference/predictor-process.js', import.meta.url),
  })
  try {
    const started = performance.now()
    const report = await predictor.engine().catch((error: Error) => error)
    if (report instanceof Error) {
      console.log(report.message)
      return
    }
    console.log(`\n${report.kind} (${report.device}), ready in ${Math.round(performance.now() - started)} ms`)
    for (const model of models) {
      const first = performance.now()
      await predictor.predict({ model, image: sample })
      const load = performance.now() - first
      const base = torch.get(model.architecture)
      const small = await measureLatency(predictor, { model, image: sample })
      const large = await measureLatency(predictor, { model, image: photo })
      const rate = await measureRate(predictor, { model, image: photo })
      row('', model.architecture, [
        [
          'sample',
          `${cell(small.p50, small.p95)}${base === undefined ? '' : ` (${(small.p50 / base).toFixed(2)} x)`}`,
        ],
        ['photograph', cell(large.p50, large.p95)],
        [`${CONCURRENT} at once`, `${rate.toFixed(1)} photographs/s`],
        ['first', `${Math.round(load)} ms`],
      ])
    }
  } finally {
    await predictor.close()
  }
}

async function measureLatency(
  predictor: Predictor,
  request: PredictRequest,
): Promise<{ p50: number; p95: number }> {
  const latencies: number[] = []
  const end = performance.now() + MEASURE_MS
  // Two to warm up.
  for (let count = -2; count < MOST && (count < 5 || performance.now() < end); count++) {
    const { latencyMs } = await predictor.predict(request)
    if (count >= 0) latencies.push(latencyMs)
  }
  latencies.sort((one, other) => one - other)
  const quantile = (part: number) => latencies[Math.floor(part * (latencies.length - 1))]!
  return { p50: quantile(0.5), p95: quantile(0.95) }
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

async function storeRandomModel(architecture: Architecture): Promise<ModelRef> {
  const model = buildModel(architecture)
  initializeWeights(model, 1)
  const { digest } = await openArtifactStore(folder).put(
    encodeSafetensors(await exportWeights(model, architecture)),
  )
  model.dispose()
  const [height, width] = architecture.inputShape
  const labels = Array.from({ length: architecture.classes }, (_, index) => `class ${index}`)
  return {
    digest,
    architecture: architecture.name,
    preprocessing: { size: [height, width], mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5], labels },
  }
}

/** A JPEG as people send them, about 60 kB: smooth shapes with some grain. */
function photograph(width: number, height: number): Promise<Buffer> {
  const pixels = new Uint8Array(width * height * 3)
  for (let at = 0; at < pixels.length; at++) {
    const [x, y] = [Math.floor(at / 3) % width, Math.floor(at / 3 / width)]
    pixels[at] = 128 + 90 * Math.sin(x / 40 + (at % 3)) * Math.cos(y / 30) + ((at * 2654435761) >>> 28)
  }
  return sharp(pixels, { raw: { width, height, channels: 3 } })
    .jpeg({ quality: 90 })
    .toBuffer()
}

function cell(p50: number, p95: number): string {
  return `${p50.toFixed(1)} / ${p95.toFixed(1)} ms`
}

function row(engine: string, network: string, cells: [string, string][]): void {
  console.log(`${engine.padEnd(28)} ${network.padEnd(14)} ${cells.map((pair) => pair.join(' ')).join(' · ')}`)
}
