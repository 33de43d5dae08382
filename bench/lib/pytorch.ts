/**
 * Runs pytorch.py: the same network in PyTorch. It is measured only where it has shown that it multiplies matrices with
 * an optimised BLAS: with the reference one, which Debian's python3-torch takes unless OpenBLAS is installed, it trains
 * `lecture_vgg16` at a sixth of its rate, and every ratio to it would flatter.
 */
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { analyze } from '../../src/zoo/analysis.ts'
import type { Architecture } from '../../src/zoo/architecture.ts'
import { type BlasCheck, baselineEnvironment, describeBaseline, refusalOf } from './baseline.ts'
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

/** What was measured, or a line that says why nothing was. */
export function measureTorch<Mode extends keyof TorchMeasurements>(
  mode: Mode,
  architecture: Architecture,
  job: TorchMeasurements[Mode]['job'],
): (TorchMeasurements[Mode]['result'] & { version: string }) | string {
  const baseline = checkBaseline()
  if ('refusal' in baseline) return baseline.refusal
  const { layers } = analyze(architecture)
  return run({ mode, input: architecture.inputShape, layers, ...job })
}

let checked: { line: string } | { refusal: string } | undefined

/** A line about the PyTorch that is compared with, or one that says why there is none. It takes 2 seconds, once. */
export function checkBaseline(): { line: string } | { refusal: string } {
  checked ??= judge(run<BlasCheck>({ mode: 'check' }))
  return checked
}

function judge(check: BlasCheck | string): { line: string } | { refusal: string } {
  if (typeof check === 'string') return { refusal: check }
  const reason = refusalOf(check, THREADS)
  if (reason === null) return { line: describeBaseline(check) }
  return { refusal: `PyTorch is not available as a baseline, so there are no ratios: ${reason}` }
}

function run<Result>(spec: object): Result | string {
  const script = join(import.meta.dirname, 'pytorch.py')
  const job = JSON.stringify({ ...spec, threads: THREADS })
  const env = baselineEnvironment(process.env, THREADS)
  // The first python3 of the PATH may be one without Debian's packages.
  for (const python of ['python3', '/usr/bin/python3']) {
    const { status, signal, stdout, stderr } = spawnSync(python, [script, job], { encoding: 'utf8', env })
    if (status === 0) return JSON.parse(stdout)
    if (signal !== null) return `PyTorch was ended by ${signal}`
    if (status !== 3 && status !== null) return `PyTorch failed: ${stderr.trim().split('\n').at(-1)}`
  }
  return 'PyTorch is not installed (apt install python3-torch libopenblas0-pthread)'
}
