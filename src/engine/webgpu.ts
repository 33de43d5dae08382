import { tf } from '../tensorflow.ts'
import type { EngineCandidate, EngineRefused, EngineStarted } from './candidate.ts'
import { hasGpuDevice } from './machine.ts'

// Dawn comes as an optional dependency: a plain string, so that tsc does not need it.
const DAWN: string = 'webgpu'

/** What is used of the WebGPU API (https://www.w3.org/TR/webgpu/#gpuadapterinfo). */
interface AdapterInfo {
  vendor: string
  architecture: string
  device: string
  description: string
  isFallbackAdapter?: boolean
}
interface Gpu {
  requestAdapter(options: { powerPreference: 'high-performance' }): Promise<{ info: AdapterInfo } | null>
}

/** Any vendor's GPU through Dawn. A software driver computes the same, far too slowly for work. */
export const webgpuEngine: EngineCandidate = {
  name: 'webgpu',
  async start(demanded): Promise<EngineStarted | EngineRefused> {
    // Asked before the import: without a GPU Dawn writes a page of warnings.
    if (!demanded && !hasGpuDevice()) {
      return { reason: 'no GPU is visible to this machine', remedy: 'use ENGINE=auto' }
    }
    let gpu: Gpu
    try {
      gpu = await loadDawn()
    } catch (error) {
      return {
        reason: `the optional package ${DAWN} does not load (${firstLine(error)})`,
        remedy: 'run "npm install" on a platform it supports, or use ENGINE=auto',
      }
    }
    const adapter = await gpu.requestAdapter({ powerPreference: 'high-performance' })
    if (!adapter) {
      return {
        reason: 'no GPU adapter is there (no GPU, or no Vulkan, Metal or Direct3D driver for it)',
        remedy: 'install a driver (on Linux libvulkan1 and the Vulkan driver of the GPU), or use ENGINE=auto',
      }
    }
    const software = isSoftware(adapter.info)
    if (software && !demanded) {
      return {
        reason: `the only adapter is software (${adapterName(adapter.info)})`,
        remedy: 'use ENGINE=webgpu to run on it nevertheless',
      }
    }

    exposeGpu(gpu)
    // The package looks for navigator.gpu once, while it is imported.
    await import('@tensorflow/tfjs-backend-webgpu')
    if (!(await startBackend())) {
      hideGpu()
      return { reason: `${adapterName(adapter.info)} gave no device`, remedy: 'use ENGINE=auto' }
    }
    const note = software ? ' (software adapter, slow)' : ''
    return {
      kind: 'WEBGPU',
      processor: `${adapterName(adapter.info)}${note}`,
      instructionSet: 'WebGPU',
      threads: null,
    }
  },
}

async function loadDawn(): Promise<Gpu> {
  const { create, globals } = (await import(DAWN)) as { create(options: string[]): Gpu; globals: object }
  // The backend reads GPUBufferUsage and its like as globals.
  Object.assign(globalThis, globals)
  return create([])
}

async function startBackend(): Promise<boolean> {
  try {
    const started = await tf.setBackend('webgpu')
    await tf.ready()
    return started && tf.getBackend() === 'webgpu'
  } catch {
    return false
  }
}

/** Node 20 has no navigator; from 21 on there is one, and it keeps what it has. */
function exposeGpu(gpu: Gpu): void {
  const scope = globalThis as { navigator?: object }
  if (!scope.navigator) Object.defineProperty(scope, 'navigator', { value: {}, configurable: true })
  Object.defineProperty(scope.navigator, 'gpu', { value: gpu, configurable: true })
  // Dawn lives as long as this reference, and Node waits for Dawn.
  process.once('beforeExit', hideGpu)
  process.once('exit', hideGpu)
}

/** Drops the reference to Dawn, so that Node can end. Harmless when there is none. */
export function hideGpu(): void {
  const { navigator } = globalThis as { navigator?: { gpu?: Gpu } }
  if (navigator) delete navigator.gpu
}

function isSoftware(info: AdapterInfo): boolean {
  const words = `${info.vendor} ${info.architecture} ${info.device} ${info.description}`.toLowerCase()
  return (
    info.isFallbackAdapter === true ||
    /swiftshader|llvmpipe|lavapipe|softpipe|basic render|\bwarp\b/.test(words)
  )
}

function adapterName(info: AdapterInfo): string {
  return info.description || [info.vendor, info.architecture].filter(Boolean).join(' ') || 'unnamed adapter'
}

function firstLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).trim().split('\n')[0]!
}
