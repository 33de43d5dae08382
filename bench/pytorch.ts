/** Runs pytorch.py: the same network in Debian's PyTorch (apt install python3-torch). */
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { analyze } from '../src/zoo/analysis.ts'
import type { Architecture } from '../src/zoo/architecture.ts'

/** PyTorch gets every core of the machines these benchmarks are meant for. */
export const TORCH_THREADS = 2

export interface TorchForward {
  version: string
  /** Milliseconds for one picture. */
  p50: number
  p95: number
  /** Pictures a second in batches of 32. */
  batchPerSecond: number
}

export interface TorchTraining {
  version: string
  imagesPerSecond: number
}

/** What was measured, or a line that says why nothing was. */
export function measureTorch(mode: 'forward', architecture: Architecture): TorchForward | string
export function measureTorch(mode: 'train', architecture: Architecture, batch: number): TorchTraining | string
export function measureTorch(
  mode: 'forward' | 'train',
  architecture: Architecture,
  batch?: number,
): TorchForward | TorchTraining | string {
  const { layers } = analyze(architecture)
  const spec = { mode, input: architecture.inputShape, layers, batch, threads: TORCH_THREADS, seconds: 5 }
  // The first python3 of the PATH may be one without Debian's packages.
  for (const python of ['python3', '/usr/bin/python3']) {
    const script = join(import.meta.dirname, 'pytorch.py')
    const { status, stdout, stderr } = spawnSync(python, [script, JSON.stringify(spec)], { encoding: 'utf8' })
    if (status === 0) return JSON.parse(stdout)
    if (status !== 3 && status !== null) return `PyTorch failed: ${stderr.trim().split('\n').at(-1)}`
  }
  return 'PyTorch is not installed (apt install python3-torch)'
}
