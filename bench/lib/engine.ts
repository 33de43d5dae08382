/** Runs engine-process.ts: a process for each measurement of an engine, as a backend lives as long as its process. */
import { spawn } from 'node:child_process'
import { allowedThreads } from '../../src/engine/native/threads.ts'
import type { EngineChoice } from '../../src/engine/report.ts'

export type EngineName = Exclude<EngineChoice, 'auto'>

/** Of the native engine, and so of PyTorch beside it. */
export const THREADS = Number(process.env.NATIVE_THREADS) || allowedThreads()

/** As the server starts its trainers. */
export const TRAINER_NICE = 10

interface Job {
  engine: EngineName
  network: string
  /** Of the process, from 0 to 19. */
  nice?: number
}

/** What can be measured: what it takes and what it gives. */
export interface Measurements {
  train: {
    job: Job & { batch: number; seconds: number }
    result: {
      device: string
      /** Milliseconds of each step after the first, in their order. */
      times: number[]
      imagesPerSecond: number
      /** Floating-point operations a second that the cores can do at most; null where nothing can measure it. */
      peak: number | null
      mebibytes: number
    }
  }
  losses: {
    /** Initial weights and batch go to `file`, where there is none yet. */
    job: Job & { batch: number; steps: number; file: string }
    /** null for what is not finite. */
    result: { losses: (number | null)[] }
  }
  forward: {
    /** Of one picture at a time where `batch` says nothing else. */
    job: Job & { seconds: number; batch?: number }
    /** p50 and p95: milliseconds of a pass. */
    result: {
      device: string
      p50: number
      p95: number
      picturesPerSecond: number
      /** Processor time of a picture, in milliseconds. */
      cpuMs: number
    }
  }
  soak: {
    job: Job & { batch: number; steps: number; seconds: number }
    result: { samples: SoakSample[]; imagesPerSecond: number }
  }
  leftovers: {
    job: Job & { batch: number; steps: number }
    /** What a step leaves on JavaScript's heap that only a full collection can free. */
    result: { bytesPerStep: number }
  }
}

export interface SoakSample {
  step: number
  mebibytes: number
  /** Of it, what lies in JavaScript's heap and what in its array buffers. */
  heap: number
  buffers: number
  tensors: number
}

let script: string | undefined

/** @param onStarted  called once the process is warm and measures. @returns a line that says why there is nothing */
export async function measureEngine<Mode extends keyof Measurements>(
  mode: Mode,
  job: Measurements[Mode]['job'],
  onStarted: () => void = () => {},
): Promise<Measurements[Mode]['result'] | string> {
  // Not at the top: the process that is measured imports this file, too, and needs no compiler.
  const { compileProcess } = await import('./compile.ts')
  script ??= compileProcess('engine-process.ts')
  const child = spawn(process.execPath, [script, mode, JSON.stringify(job)])
  // Whoever measures may be ended first, as a test is that takes too long.
  const end = () => child.kill('SIGKILL')
  process.once('exit', end)
  let said = ''
  let complained = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    // The process says so in a line of its own.
    if (!said.includes(STARTED) && `${said}${text}`.includes(STARTED)) onStarted()
    said += text
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    complained = `${complained}${text}`.slice(-2000)
  })
  const ended = await new Promise<string>((resolve) =>
    child.once('close', (code, signal) => resolve(signal ?? String(code))),
  )
  process.off('exit', end)
  const line = said.trim().split('\n').at(-1) ?? ''
  if (ended === '0' && line.startsWith('{')) return JSON.parse(line)
  if (ended === '0') return line
  const complaints = complained.trim().split('\n')
  // Node's own last words are its version.
  const reason = complaints.find((text) => /Error\b/.test(text)) ?? complaints.at(-1)
  return `its process ended (${ended}): ${reason}`
}

/** For a bench that is nothing without it. */
export function measured<Result>(result: Result | string): Result {
  if (typeof result === 'string') throw new Error(result)
  return result
}

export const STARTED = '--- started'
