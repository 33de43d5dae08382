import { readdirSync } from 'node:fs'
import type { EngineChoice } from '../engine/report.ts'

/** The NVIDIA GPUs that processes of this one may use, as CUDA_VISIBLE_DEVICES names them. */
export function visibleGpus(
  given: string | undefined = process.env.CUDA_VISIBLE_DEVICES,
  folder = '/proc/driver/nvidia/gpus',
): string[] {
  if (given !== undefined)
    return given
      .split(',')
      .map((name) => name.trim())
      .filter((name) => name !== '' && name !== '-1')
  try {
    return readdirSync(folder).map((_, index) => String(index))
  } catch {
    return []
  }
}

/** How many predictor processes suit an engine: one for each GPU where it has GPUs by their number. */
export function usualProcesses(engine: EngineChoice): number {
  return engine === 'tensorflow' ? Math.max(1, visibleGpus().length) : 1
}

/** The environment of one of several processes: each has a GPU of its own, as far as there are any. */
export function deviceEnvironment(
  index: number,
  processes: number,
  gpus: readonly string[],
): NodeJS.ProcessEnv {
  if (processes === 1 || gpus.length < 2) return {}
  return { CUDA_VISIBLE_DEVICES: gpus[index % gpus.length] }
}
