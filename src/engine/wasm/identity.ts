import type { DataType, TensorInfo } from '@tensorflow/tfjs'
import type { BackendWasm } from '@tensorflow/tfjs-backend-wasm'
import { overrideWasmKernel, registerWasmKernel } from './kernels.ts'

/** Copies that change nothing share the memory, as on the other backends; the stock kernels copy it all. */
export function registerIdentities(): void {
  registerWasmKernel<{ x: TensorInfo }, object>('Identity', ({ inputs, backend }) =>
    shared(backend, inputs.x),
  )
  overrideWasmKernel<{ x: TensorInfo }, { dtype: DataType }>('Cast', ({ inputs, attrs, backend }) =>
    inputs.x.dtype === attrs.dtype ? shared(backend, inputs.x) : null,
  )
}

function shared(backend: BackendWasm, { dataId, shape, dtype }: TensorInfo): TensorInfo {
  backend.incRef(dataId)
  return { dataId, shape, dtype }
}
