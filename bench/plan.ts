/**
 * The memory that planArchitecture plans beside what trainers really need:
 *   npm run bench:plan
 *   BENCH_ENGINES=native BENCH_NETWORKS=vgg_mini,vgg16_bn BENCH_BATCHES=64 npm run bench:plan
 * Ends with 1 where a plan is more than 25 % off.
 *
 * On two cores of an Intel Xeon with AVX-512, MiB planned / measured at batch 16, 64 and 128, SGD (Adam is alike):
 *
 *   native          16           64           128            wasm            16           64
 *   vgg_mini        416 / 434    443 / 455    478 / 470      vgg_mini        446 / 427    710 / 674
 *   vgg11_cifar     638 / 636    645 / 675    687 / 657      vgg11_cifar     649 / 722    973 / 930
 *   lecture_custom  890 / 865    912 / 874    973 / 1019     lecture_custom  1049 / 1053  1178 / 1225
 *   lecture_vgg16   1271 / 1267  1298 / 1261  1302 / 1249    wide            759 / 671    1181 / 1002
 *   vgg16_cifar     880 / 871    919 / 886    1024 / 903     deep            774 / 792    2104 / 2138
 *   vgg16_bn        2265 / 2212  2271 / 2226  2280 / 2235    dense           1208 / 1229  1208 / 1227
 *
 * Of all 124 cases the ratio is between 0.82 and 1.18.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { CIFAR10 } from '../src/data/cifar10/facts.ts'
import { fileBytes } from '../src/data/dataset-file.ts'
import type { EngineChoice, EngineReport } from '../src/engine/report.ts'
import { startChild } from '../src/process/child.ts'
import { OPTIMIZER_DEFAULTS, type Optimizer, resolveHyperparameters } from '../src/runs/hyperparameters.ts'
import { totalBytes, trainingMemory } from '../src/runs/plan/memory.ts'
import type { FromTrainer, ToTrainer } from '../src/runs/trainer/protocol.ts'
import type { Architecture } from '../src/zoo/architecture.ts'
import { parseFeatures } from '../src/zoo/features.ts'
import { cachedDatasetFile, setup } from '../test/support/dataset-cache.ts'
import { listOf } from './cases.ts'
import { trainable } from './networks.ts'

const MOST_OFF = 0.25
const STEPS = 3
const TEST_IMAGES = 256
const MIB = 2 ** 20

const ENGINES = (listOf('BENCH_ENGINES') ?? ['native', 'wasm']) as EngineChoice[]
const BATCHES = listOf('BENCH_BATCHES')?.map(Number)
const OPTIMIZERS: Optimizer[] = [
  { kind: 'sgd', ...OPTIMIZER_DEFAULTS.sgd },
  { kind: 'adam', ...OPTIMIZER_DEFAULTS.adam },
]

/** What the zoo has none of: wide and shallow, deep and narrow, 1x1, local response normalisation, other heads. */
const CUSTOM: Record<string, Architecture> = {
  wide: custom('wide', '256,256,M,64,M', false, { kind: 'flat', hidden: [], dropout: 0 }),
  deep: custom('deep', [...Array(30).fill(16), 'M', ...Array(20).fill(32), 'M'].join(','), true, {
    kind: 'flat',
    hidden: [],
    dropout: 0,
  }),
  pointwise: custom('pointwise', '64,128x1,M,256x1,128,M,512x1,256', true, {
    kind: 'flat',
    hidden: [256],
    dropout: 0.3,
  }),
  responsive: custom('responsive', '64:lrn,M,128:lrn,M,128', false, { kind: 'flat', hidden: [], dropout: 0 }),
  pooled: custom('pooled', '64,M,128,M', true, {
    kind: 'pooled',
    size: 5,
    hidden: [1024, 1024],
    dropout: 0.5,
  }),
  broad: custom('broad', '64,M,M,1024,1024,M', false, { kind: 'flat', hidden: [], dropout: 0 }),
  dense: custom('dense', '8', false, { kind: 'flat', hidden: [4096], dropout: 0.5 }),
}

/** Networks and batch sizes of each engine; wasm has no time for the large ones. */
const CASES: Partial<Record<EngineChoice, { networks: string[]; batches: number[] }>> = {
  native: {
    networks: [
      ...[
        'vgg_mini',
        'vgg11_cifar',
        'lecture_custom',
        'lecture_vgg16',
        'vgg16_cifar',
        'vgg16_bn',
        'vgg11_lrn',
      ],
      ...Object.keys(CUSTOM),
    ],
    batches: [16, 64, 128],
  },
  wasm: {
    networks: ['vgg_mini', 'vgg11_cifar', 'lecture_custom', ...Object.keys(CUSTOM)],
    batches: [16, 64],
  },
}

await setup()
const folder = await mkdtemp(join(tmpdir(), 'vggzoo-bench-'))
console.log(`${cpus().length} x ${cpus()[0].model.trim()}, Node ${process.version}\n`)
try {
  for (const engine of ENGINES) await comparePlans(engine)
} finally {
  await rm(folder, { recursive: true })
}

async function comparePlans(engine: EngineChoice): Promise<void> {
  console.log(`${engine.padEnd(16)}batch  optimizer  planned MiB  measured  ratio`)
  const cases = CASES[engine] ?? CASES.wasm!
  for (const name of listOf('BENCH_NETWORKS') ?? cases.networks) {
    const architecture = CUSTOM[name] ?? trainable(name)
    for (const batchSize of BATCHES ?? cases.batches) {
      for (const optimizer of OPTIMIZERS) await comparePlan(engine, architecture, batchSize, optimizer)
    }
  }
}

async function comparePlan(
  choice: EngineChoice,
  architecture: Architecture,
  batchSize: number,
  optimizer: Optimizer,
): Promise<void> {
  const label = `${architecture.name.padEnd(16)}${String(batchSize).padStart(5)}  ${optimizer.kind.padEnd(9)}`
  const outcome = await measure(choice, architecture, batchSize, optimizer)
  if (typeof outcome === 'string') return console.log(`${label}  ${outcome}`)
  const { engine, peak } = outcome
  const datasetBytes = fileBytes(CIFAR10)
  // The trainer is stopped before it saves.
  const plan = { ...trainingMemory(architecture, { batchSize, optimizer, engine, datasetBytes }), saving: 0 }
  const ratio = totalBytes(plan) / peak
  const off = Math.abs(ratio - 1) > MOST_OFF
  if (off) process.exitCode = 1
  const numbers = [totalBytes(plan), peak].map((bytes) => (bytes / MIB).toFixed(0).padStart(10))
  console.log(`${label}   ${numbers.join('')}  ${ratio.toFixed(2)}${off ? '  OFF' : ''}`)
}

/** The peak of a few steps and an evaluation in a trainer as the server starts it; or why there is none. */
async function measure(
  engine: EngineChoice,
  architecture: Architecture,
  batchSize: number,
  optimizer: Optimizer,
): Promise<{ engine: EngineReport['kind']; peak: number } | string> {
  const asked = {
    optimizer,
    batchSize,
    epochs: 1,
    learningRate: 1e-5,
    logEvery: 1,
    trainLimit: STEPS * batchSize,
    testLimit: TEST_IMAGES,
  }
  const resolved = resolveHyperparameters(asked, architecture.batchNorm)
  if ('issues' in resolved) throw new Error(resolved.issues[0].message)
  let kind: EngineReport['kind'] | undefined
  let peak = 0
  let failure: string | undefined
  const trainer = startChild<ToTrainer, FromTrainer>({
    entry: new URL('../dist/runs/trainer/trainer-process.js', import.meta.url),
    onMessage(message) {
      if (message.type === 'started') kind = message.engine.kind
      if (message.type === 'failed') failure = message.failure.message
      if ('progress' in message) peak = Math.max(peak, message.progress.peakMemoryBytes)
      if (message.type === 'epoch') trainer.kill('SIGKILL')
    },
    onOutput() {},
  })
  const { hyperparameters } = resolved
  trainer.send({
    type: 'train',
    job: {
      architecture,
      hyperparameters,
      engine,
      seed: 1,
      metadata: {},
      datasetFile: cachedDatasetFile(),
      artifactsFolder: folder,
    },
  })
  await trainer.exited
  return failure ?? (kind === undefined ? 'no engine' : { engine: kind, peak })
}

function custom(
  name: string,
  features: string,
  batchNorm: boolean,
  head: Architecture['head'],
): Architecture {
  return { ...trainable('vgg_mini'), name, features: parseFeatures(features), batchNorm, head }
}
