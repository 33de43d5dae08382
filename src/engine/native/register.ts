import { tf } from '../../tensorflow.ts'
import type { NativeAddon } from './addon.ts'
import { NativeBackend } from './backend.ts'
import { registerConvolutions } from './convolution.ts'
import { registerMatrixProducts } from './dense.ts'
import { registerElementwise } from './elementwise.ts'
import { registerFused } from './fused.ts'
import { BACKEND, registerCpuKernels } from './kernels.ts'
import { registerPools } from './pooling.ts'
import { registerReductions } from './reductions.ts'

/** TensorFlow.js prefers the backend with the highest priority: its own are 1 (cpu) to 3 (webgpu). */
const PRIORITY = 4

/** Registers the backend and its kernels with TensorFlow.js, once. The addon must have been started. */
export function registerNativeBackend(addon: NativeAddon): void {
  if (tf.findBackendFactory(BACKEND) !== null) return
  registerCpuKernels()
  registerConvolutions()
  registerMatrixProducts()
  registerElementwise()
  registerReductions()
  registerPools()
  registerFused()
  tf.registerBackend(BACKEND, () => new NativeBackend(addon), PRIORITY)
}
