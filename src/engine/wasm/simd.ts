import type { BackendWasm } from '@tensorflow/tfjs-backend-wasm'
import { encodeModule } from './assembler.ts'
import { gradientSumsKernel, maxPoolGradientKernel, scaleKernel, sumKernel } from './channel-kernels.ts'
import { memoryOf } from './memory.ts'
import { multiplyKernel, multiplyTransposedKernel } from './multiply-kernels.ts'
import { packKernel, packTransposedKernel } from './pack-kernels.ts'
import { transformKernel } from './transform-kernels.ts'
import { A, A_TRANSPOSED, B_TRANSPOSED, G, G_TRANSPOSED } from './winograd-matrices.ts'

/** Its operands, all 32-bit integers, are those its generator documents. */
type Kernel = (...operands: number[]) => void

const GENERATORS = {
  multiply: multiplyKernel,
  multiplyTransposed: () => multiplyTransposedKernel('multiplyTransposed', { add: false }),
  accumulate: () => multiplyTransposedKernel('accumulate', { add: true }),
  pack: packKernel,
  packTransposed: packTransposedKernel,
  inputTransform: () => transformKernel('inputTransform', B_TRANSPOSED),
  gradientTransform: () => transformKernel('gradientTransform', A),
  outputTransform: () => transformKernel('outputTransform', A_TRANSPOSED, true),
  filterTransform: () => transformKernel('filterTransform', G),
  filterGradientTransform: () => transformKernel('filterGradientTransform', G_TRANSPOSED),
  sum4: () => sumKernel('sum4', 1),
  sum16: () => sumKernel('sum16', 4),
  gradientSums4: () => gradientSumsKernel('gradientSums4', 1),
  gradientSums16: () => gradientSumsKernel('gradientSums16', 4),
  scale: scaleKernel,
  maxPoolGradient: maxPoolGradientKernel,
}

/** The kernels of this folder, compiled. */
export type SimdKernels = Record<keyof typeof GENERATORS, Kernel>

// Neither lib.es2023 nor @types/node 20 describes this part of the global.
const { Instance, Module } = (
  globalThis as unknown as {
    WebAssembly: {
      Module: new (bytes: Uint8Array) => object
      Instance: new (module: object, imports: object) => { exports: unknown }
    }
  }
).WebAssembly

let compiled: { memory: object; kernels: SimdKernels } | undefined

/** The kernels on the backend's own memory, so that they see the tensors where they lie. */
export function simdKernels(backend: BackendWasm): SimdKernels {
  const memory = memoryOf(backend)
  if (compiled?.memory !== memory) {
    const bytes = encodeModule(Object.values(GENERATORS).map((generate) => generate()))
    const { exports } = new Instance(new Module(bytes), { env: { memory } })
    compiled = { memory, kernels: exports as SimdKernels }
  }
  return compiled.kernels
}
