import type { BackendWasm } from '@tensorflow/tfjs-backend-wasm'
import { tf } from '../../tensorflow.ts'
import { type KernelCall, registerWasmKernel } from './kernels.ts'

/** WebAssembly's backend has no complex numbers, so these stay what they are there: absent. */
const COMPLEX = new Set(['Complex', 'ComplexAbs', 'Real', 'Imag', 'FFT', 'IFFT'])

/** Every kernel that only the cpu backend has runs there, on copies: slower, and the same result. */
export function registerFallbackKernels(): void {
  for (const { kernelName } of tf.getKernelsForBackend('cpu')) {
    if (COMPLEX.has(kernelName) || tf.getKernel(kernelName, 'wasm')) continue
    registerWasmKernel<KernelCall['inputs'], KernelCall['attrs']>(kernelName, (call) =>
      runOnCpu(kernelName, call),
    )
  }
}

interface CpuBackend {
  write(values: tf.backend_util.BackendValues, shape: number[], dtype: tf.DataType): object
  readSync(dataId: object): tf.backend_util.BackendValues
  disposeData(dataId: object): boolean
}

/** Runs the cpu backend's kernel of this name. Its inputs and outputs live there only for the time of the call. */
export function runOnCpu(
  kernelName: string,
  { inputs, attrs, backend }: KernelCall<object, object>,
): tf.TensorInfo | tf.TensorInfo[] {
  const cpu = tf.findBackend('cpu') as tf.KernelBackend & CpuBackend
  const { kernelFunc } = tf.getKernel(kernelName, 'cpu')
  const copies: tf.TensorInfo[] = []
  try {
    const cpuInputs = mapInputs(inputs, (input) => toCpu(input, backend, cpu, copies))
    const outputs = kernelFunc({ inputs: cpuInputs, attrs: attrs as tf.NamedAttrMap, backend: cpu })
    return Array.isArray(outputs)
      ? outputs.map((output) => fromCpu(output, backend, cpu))
      : fromCpu(outputs, backend, cpu)
  } finally {
    for (const { dataId } of copies) cpu.disposeData(dataId)
  }
}

/** Inputs come by name, of which some may be missing, or as an array where their number varies. */
function mapInputs(inputs: object, copy: (input: tf.TensorInfo) => tf.TensorInfo): tf.NamedTensorInfoMap {
  const copies = Object.entries<tf.TensorInfo>({ ...inputs }).map(
    ([name, input]) => [name, input && copy(input)] as const,
  )
  // TensorFlow.js passes an array where its types say a map.
  if (Array.isArray(inputs)) return copies.map(([, input]) => input) as unknown as tf.NamedTensorInfoMap
  return Object.fromEntries(copies)
}

function toCpu(
  input: tf.TensorInfo,
  backend: BackendWasm,
  cpu: CpuBackend,
  copies: tf.TensorInfo[],
): tf.TensorInfo {
  const { shape, dtype } = input
  const copy = { dataId: cpu.write(backend.readSync(input.dataId), shape, dtype), shape, dtype }
  copies.push(copy)
  return copy
}

function fromCpu(output: tf.TensorInfo, backend: BackendWasm, cpu: CpuBackend): tf.TensorInfo {
  const { shape, dtype, dataId } = output
  const values = cpu.readSync(dataId)
  cpu.disposeData(dataId)
  return backend.makeOutput(shape, dtype, undefined, values)
}
