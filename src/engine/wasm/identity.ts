import type { DataType, TensorInfo } from '@tensorflow/tfjs'
import type { BackendWasm } from '@tensorflow/tfjs-backend-wasm'
import { runOnCpu } from './fallback.ts'
import { overrideWasmKernel, registerWasmKernel } from './kernels.ts'

/** Copies that change nothing share the memory, as on the other backends; the stock kernels copy it all. */
export function registerIdentities(): void {
  registerWasmKernel<{ x: TensorInfo }, object>('Identity', ({ inputs, backend }) =>
    shared(backend, inputs.x),
  )
  overrideWasmKernel<{ x: TensorInfo }, { dtype: DataType }>('Cast', (call) => {
    const { inputs, attrs, backend } = call
    if (inputs.x.dtype === attrs.dtype) return shared(backend, inputs.x)
    // The stock kernel takes a number's lowest 8 bits for its truth: 0.5 and 256 would be false.
    return attrs.dtype === 'bool' ? runOnCpu('Cast', call) : null
  })
}

function shared(backend: BackendWasm, { dataId, shape, dtype }: TensorInfo): TensorInfo {
  backend.incRef(dataId)
  return { dataId, shape, dtype }
}
