/** Runs pytorch.py: the same network in Debian's PyTorch (apt install python3-torch). */
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { analyze } from '../src/zoo/analysis.ts'
import type { Architecture } from '../src/zoo/architecture.ts'
import { THREADS } from './engine.ts'

/** What can be measured: what it takes and what it gives. */
interface TorchMeasurements {
  forward: {
    job: { seconds: number }
    /** Milliseconds for one picture, and pictures a second in batches of 32. */
    result: { p50: number; p95: number; batchPerSecond: number }
  }
  train: {
    job: { batch: number; seconds: number }
    /** Milliseconds of each step after the first. */
    result: { times: number[]; imagesPerSecond: number; mebibytes: number }
  }
  losses: {
    /** From the weights and the batch of a file that engine-process.ts wrote. */
    job: { steps: number; file: string }
    /** null for what is not finite. */
    result: { losses: (number | null)[] }
  }
}

export interface TorchVersion {
  version: string
  /** The library that computes its dense layers: a Debian without OpenBLAS has a slow one. */
  blas: string
}

/** What was measured, or a line that says why nothing was. */
export function measureTorch<Mode extends keyof TorchMeasurements>(
  mode: Mode,
  architecture: Architecture,
  job: TorchMeasurements[Mode]['job'],
): (TorchMeasurements[Mode]['result'] & TorchVersion) | string {
  const { layers } = analyze(architecture)
  const spec = { mode, input: architecture.inputShape, layers, threads: THREADS, ...job }
  // The first python3 of the PATH may be one without Debian's packages.
  for (const python of ['python3', '/usr/bin/python3']) {
    const script = join(import.meta.dirname, 'pytorch.py')
    const { status, stdout, stderr } = spawnSync(python, [script, JSON.stringify(spec)], { encoding: 'utf8' })
    if (status === 0) return JSON.parse(stdout)
    if (status !== 3 && status !== null) return `PyTorch failed: ${stderr.trim().split('\n').at(-1)}`
  }
  return 'PyTorch is not installed (apt install python3-torch)'
}
