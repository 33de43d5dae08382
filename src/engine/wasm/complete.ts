import type { BackendWasm } from '@tensorflow/tfjs-backend-wasm'
import { registerBatchNorm } from './batch-norm.ts'
import { registerConvolutions } from './convolution.ts'
import { registerConvolutionGradients } from './convolution-gradients.ts'
import { registerMatrixProducts } from './dense.ts'
import { registerFallbackKernels } from './fallback.ts'
import { registerMeanGradient } from './gradients.ts'
import { registerIdentities } from './identity.ts'
import { guardAllocations } from './memory.ts'
import { registerEmptyPools, registerMaxPoolGradient } from './pooling.ts'
import { registerReductions } from './reductions.ts'

let completed = false

/** Gives the wasm backend what training needs: kernels it lacks, and faster ones where it spends its time. */
export function completeWasmBackend(backend: BackendWasm): void {
  if (completed) return
  completed = true
  guardAllocations(backend)
  registerConvolutions()
  registerConvolutionGradients()
  registerMatrixProducts()
  registerEmptyPools()
  registerMaxPoolGradient()
  registerReductions()
  registerIdentities()
  registerBatchNorm()
  registerMeanGradient()
  // Last, for what is still missing.
  registerFallbackKernels()
}
