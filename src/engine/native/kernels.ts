import { tf } from '../../tensorflow.ts'
import type { NativeBackend } from './backend.ts'

/** The backend's name; TensorFlow.js lets none contain an underscore. */
export const BACKEND = 'native'

/** One call of a kernel, with the inputs and attributes that tfjs-core's `kernel_names` lists for it. */
export interface KernelCall<Inputs = Record<string, tf.TensorInfo>, Attributes = Record<string, unknown>> {
  inputs: Inputs
  attrs: Attributes
  backend: NativeBackend
}

const native = new Set<string>()

/** The names of the kernels written in C++. */
export function nativeKernels(): string[] {
  return [...native].sort()
}

/** Every kernel of the cpu backend, under this backend's name: its tensors are the same JavaScript arrays. */
export function registerCpuKernels(): void {
  for (const kernel of tf.getKernelsForBackend('cpu')) tf.registerKernel({ ...kernel, backendName: BACKEND })
}

/** Puts a kernel in C++ in place of the cpu backend's, as below. */
export function registerNativeKernel<Inputs, Attributes>(
  kernelName: string,
  kernel: (call: KernelCall<Inputs, Attributes>) => tf.TensorInfo | tf.TensorInfo[] | null,
): void {
  replaceKernel(kernelName, kernel)
  native.add(kernelName)
}

/** Puts a kernel in place of the cpu backend's; where it returns null, the case is not its own and that one runs. */
export function replaceKernel<Inputs, Attributes>(
  kernelName: string,
  kernel: (call: KernelCall<Inputs, Attributes>) => tf.TensorInfo | tf.TensorInfo[] | null,
): void {
  const { kernelFunc } = tf.getKernel(kernelName, 'cpu')
  tf.unregisterKernel(kernelName, BACKEND)
  tf.registerKernel({
    kernelName,
    backendName: BACKEND,
    kernelFunc: (call: object) => {
      const own = call as KernelCall<Inputs, Attributes>
      return own.backend.orGiveBack(() => kernel(own)) ?? kernelFunc(call as Parameters<typeof kernelFunc>[0])
    },
  })
}

/** A kernel of our own, which no other backend has; it returns a list of results. */
export function registerFusedKernel<Inputs, Attributes>(
  kernelName: string,
  kernel: (call: KernelCall<Inputs, Attributes>) => tf.TensorInfo[],
): void {
  tf.registerKernel({
    kernelName,
    backendName: BACKEND,
    kernelFunc: (call: object) => {
      const own = call as KernelCall<Inputs, Attributes>
      return own.backend.orGiveBack(() => kernel(own))
    },
  })
  native.add(kernelName)
}

/** Float32 tensors with at least one value: what the kernels in C++ take. */
export function areFloats(...tensors: (tf.TensorInfo | undefined)[]): boolean {
  return tensors.every(
    (tensor) =>
      tensor === undefined || (tensor.dtype === 'float32' && tf.util.sizeFromShape(tensor.shape) > 0),
  )
}

/** Whether a bias has one value for each of the last dimension, not as many along another one. */
export function isRow({ shape }: tf.TensorInfo, length: number): boolean {
  return shape.at(-1) === length && tf.util.sizeFromShape(shape) === length
}
