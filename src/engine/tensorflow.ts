import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import util from 'node:util'
import { tf } from '../tensorflow.ts'
import type { EngineCandidate, EngineRefused, EngineStarted } from './candidate.ts'
import { processorName } from './processor.ts'

// A plain string, so that neither tsc nor a bundler looks for this optional dependency.
const PACKAGE: string = '@tensorflow/tfjs-node-gpu'

/**
 * libtensorflow through tfjs-node-gpu. With a CUDA GPU it is the fastest engine; without one it still runs,
 * on the processor, when a person asks for it by name.
 */
export const tensorflowEngine: EngineCandidate = {
  name: 'tensorflow',
  async start(demanded): Promise<EngineStarted | EngineRefused> {
    if (!isInstalled()) {
      return {
        reason: `the optional package ${PACKAGE} is not installed`,
        remedy: `install it (npm install ${PACKAGE}@4.22.0, CUDA 11.2 and cuDNN 8.1 for a GPU), or use ENGINE=auto`,
      }
    }
    // Asked before the import: libtensorflow takes a second to load and writes a page of warnings without CUDA.
    if (!demanded && !hasNvidiaDevice()) return noGpu('no NVIDIA GPU is visible to this machine')

    try {
      await importBackend()
    } catch (error) {
      return {
        reason: `${PACKAGE} does not load (${firstLine(error)})`,
        remedy: `run "npm rebuild ${PACKAGE}", or use ENGINE=auto`,
      }
    }
    if (!(await tf.setBackend('tensorflow'))) return noGpu('its backend did not start')
    await tf.ready()

    const { isUsingGpuDevice } = tf.backend() as tf.KernelBackend & { isUsingGpuDevice: boolean }
    if (isUsingGpuDevice) {
      return { kind: 'TENSORFLOW_GPU', processor: nvidiaName(), instructionSet: 'CUDA', threads: null }
    }
    if (demanded) {
      return {
        kind: 'TENSORFLOW_CPU',
        processor: processorName(),
        instructionSet: 'libtensorflow',
        threads: availableParallelism(),
      }
    }
    tf.removeBackend('tensorflow')
    return noGpu('TensorFlow does not reach the GPU (it needs CUDA 11.2 and cuDNN 8.1)')
  },
}

function noGpu(reason: string): EngineRefused {
  return { reason, remedy: 'use ENGINE=auto' }
}

function isInstalled(): boolean {
  try {
    import.meta.resolve(PACKAGE)
    return true
  } catch {
    return false
  }
}

async function importBackend(): Promise<void> {
  // Both are read by libtensorflow when it loads. Unless told to grow, it takes all memory of the GPU at once.
  process.env.TF_FORCE_GPU_ALLOW_GROWTH ??= 'true'
  process.env.TF_CPP_MIN_LOG_LEVEL ??= '2'

  // tfjs-node 4.22 calls these two, which Node 23 removed.
  const legacy = util as Record<string, unknown>
  legacy.isNullOrUndefined ??= (value: unknown) => value === null || value === undefined
  legacy.isArray ??= Array.isArray

  await import(PACKAGE)
}

/** A GPU by its device file: /dev/nvidia0 on Linux, /dev/dxg in WSL. Elsewhere only TensorFlow itself can tell. */
function hasNvidiaDevice(): boolean {
  if (process.platform !== 'linux') return process.platform === 'win32'
  return existsSync('/dev/dxg') || readdirSync('/dev').some((name) => /^nvidia\d+$/.test(name))
}

function nvidiaName(): string {
  try {
    const root = '/proc/driver/nvidia/gpus'
    const [first] = readdirSync(root)
    const model = /^Model:\s*(.+)$/m.exec(readFileSync(`${root}/${first}/information`, 'utf8'))?.[1]
    if (model) return model
  } catch {
    // WSL and Windows have no such folder.
  }
  return 'NVIDIA GPU'
}

function firstLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).trim().split('\n')[0]!
}
