import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { tf } from '../tensorflow.ts'
import type { EngineCandidate, EngineRefused, EngineStarted } from './candidate.ts'
import { processorName } from './processor.ts'

const PACKAGE = '@tensorflow/tfjs-backend-wasm'

/** XNNPACK in WebAssembly, on one thread, completed with the kernels that training needs. */
export const wasmEngine: EngineCandidate = {
  name: 'wasm',
  async start(): Promise<EngineStarted | EngineRefused> {
    const { setWasmPaths, BackendWasm } = await import('@tensorflow/tfjs-backend-wasm')
    const { completeWasmBackend } = await import('./wasm/complete.ts')
    // The binaries beside the package's own script: no network, whatever the working directory.
    setWasmPaths(join(dirname(createRequire(import.meta.url).resolve(PACKAGE)), '/'))
    if (!(await tf.env().getAsync('WASM_HAS_SIMD_SUPPORT'))) {
      return { reason: 'this Node has no WebAssembly SIMD', remedy: 'use Node 20 or later on x64 or arm64' }
    }
    if (!(await tf.setBackend('wasm'))) {
      return { reason: 'the WebAssembly backend did not start', remedy: 'use ENGINE=cpu' }
    }
    await tf.ready()

    const backend = tf.backend()
    if (!(backend instanceof BackendWasm)) throw new Error(`${PACKAGE} runs on a second copy of tfjs-core.`)
    completeWasmBackend(backend)
    return { kind: 'WASM', processor: processorName(), instructionSet: 'WebAssembly SIMD', threads: 1 }
  },
}
