/**
 * Training throughput of every engine this machine has, and its ratio to PyTorch's in the same run:
 *   npm run bench:train
 * A step is forward, backward and SGD with momentum on a batch that is in memory already.
 */
import { spawnSync } from 'node:child_process'
import { cpus } from 'node:os'
import { join } from 'node:path'
import { ENGINE_CHOICES } from '../src/engine/report.ts'
import { trainable } from './networks.ts'
import { measureTorch, TORCH_THREADS } from './pytorch.ts'

/** Plain JavaScript takes minutes for a step that others take in a second: it has a case of its own. */
const CASES = [
  { network: 'vgg_mini', batch: 2, skip: [] },
  { network: 'vgg_mini', batch: 128, skip: ['cpu'] },
  { network: 'vgg16_cifar', batch: 64, skip: ['cpu'] },
  { network: 'lecture_vgg16', batch: 64, skip: ['cpu'] },
] as const
const SECONDS = 10

console.log(`${cpus().length} x ${cpus()[0].model.trim()}, Node ${process.version}`)
for (const { network, batch, skip } of CASES) {
  console.log(`\n${network}, batch ${batch}`)
  const torch = measureTorch('train', trainable(network), batch)
  const baseline = typeof torch === 'string' ? null : torch.imagesPerSecond
  if (typeof torch === 'string') console.log(`  ${torch}`)
  else row(`PyTorch ${torch.version}, ${TORCH_THREADS} threads`, torch.imagesPerSecond, baseline, '')
  for (const engine of ENGINE_CHOICES) {
    if (engine === 'auto') continue
    if ((skip as readonly string[]).includes(engine)) {
      console.log(`  ${engine.padEnd(30)} left out: too slow for this network`)
      continue
    }
    const result = measure(engine, network, batch)
    if ('unavailable' in result) console.log(`  ${engine.padEnd(30)} ${result.unavailable}`)
    else row(engine, result.imagesPerSecond, baseline, `${result.mebibytes.toFixed(0)} MiB, ${result.device}`)
  }
}

function row(name: string, imagesPerSecond: number, baseline: number | null, note: string): void {
  const ratio = baseline === null ? '' : `${(imagesPerSecond / baseline).toFixed(2)} x PyTorch`
  console.log(
    `  ${name.padEnd(30)} ${imagesPerSecond.toFixed(1).padStart(8)} images/s  ${ratio.padEnd(16)} ${note}`,
  )
}

type Measured = { device: string; imagesPerSecond: number; mebibytes: number } | { unavailable: string }

function measure(engine: string, network: string, batch: number): Measured {
  const script = join(import.meta.dirname, 'train-engine.ts')
  const { stdout, stderr } = spawnSync(
    process.execPath,
    ['--import', 'tsx', script, engine, network, String(batch), String(SECONDS)],
    { encoding: 'utf8' },
  )
  const line = stdout.trim().split('\n').at(-1)
  return line ? (JSON.parse(line) as Measured) : { unavailable: `ended: ${stderr.trim().split('\n').at(-1)}` }
}
