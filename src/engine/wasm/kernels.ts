import type { BackendWasm } from '@tensorflow/tfjs-backend-wasm'
import { tf } from '../../tensorflow.ts'

type KernelResult = tf.TensorInfo | tf.TensorInfo[]

/** One call of a kernel, with the inputs and attributes that tfjs-core's `kernel_names` lists for it. */
export interface KernelCall<Inputs = Record<string, tf.TensorInfo>, Attributes = Record<string, unknown>> {
  inputs: Inputs
  attrs: Attributes
  backend: BackendWasm
}

/** Registers a kernel on the wasm backend in place of the one that is there, if any. */
export function registerWasmKernel<Inputs, Attributes>(
  kernelName: string,
  kernel: (call: KernelCall<Inputs, Attributes>) => KernelResult,
): void {
  const { getKernel, registerKernel, unregisterKernel } = tf
  const present = getKernel(kernelName, 'wasm')
  if (present) unregisterKernel(kernelName, 'wasm')
  registerKernel({
    // Its set-up must still run if the backend is started again: the new kernel may call the old one.
    ...present,
    kernelName,
    backendName: 'wasm',
    kernelFunc: (call: object) => kernel(call as KernelCall<Inputs, Attributes>),
  })
}

/** Like `registerWasmKernel`, for a kernel that takes over some cases and returns null for the others. */
export function overrideWasmKernel<Inputs, Attributes>(
  kernelName: string,
  kernel: (call: KernelCall<Inputs, Attributes>) => KernelResult | null,
): void {
  registerWasmKernel<Inputs, Attributes>(kernelName, withFallback(kernelName, kernel))
}

function withFallback<Inputs, Attributes>(
  kernelName: string,
  kernel: (call: KernelCall<Inputs, Attributes>) => KernelResult | null,
): (call: KernelCall<Inputs, Attributes>) => KernelResult {
  const stock = tf.getKernel(kernelName, 'wasm').kernelFunc
  // The same call: only our type of it says which inputs and attributes it has.
  return (call) => kernel(call) ?? stock(call as unknown as Parameters<typeof stock>[0])
}

/** Runs a kernel by its name from within another one. */
export function runWasmKernel(
  kernelName: string,
  inputs: object,
  backend: BackendWasm,
  attrs: object = {},
): tf.TensorInfo {
  return tf.getKernel(kernelName, 'wasm').kernelFunc({
    inputs: inputs as tf.NamedTensorInfoMap,
    attrs: attrs as tf.NamedAttrMap,
    backend,
  }) as tf.TensorInfo
}
