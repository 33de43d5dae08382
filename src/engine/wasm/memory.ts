import type { TensorInfo } from '@tensorflow/tfjs'
import type { BackendWasm } from '@tensorflow/tfjs-backend-wasm'

/** What Emscripten's module offers, of which the package's types name nothing that Node's types know. */
interface EmscriptenModule {
  HEAPU8: Uint8Array<ArrayBuffer>
  _malloc(bytes: number): number
  _free(address: number): void
  asm: { memory: object }
}

/** The backend's own type of its module leaves out most of it. */
const moduleOf = (backend: BackendWasm): EmscriptenModule => backend.wasm as unknown as EmscriptenModule

/** The backend's WebAssembly.Memory. */
export const memoryOf = (backend: BackendWasm): object => moduleOf(backend).asm.memory

/** The byte address of a tensor's first element. It stays the same while memory grows. */
export const addressOf = (backend: BackendWasm, tensor: TensorInfo): number =>
  backend.getMemoryOffset(tensor.dataId)

/** All memory as float32. Take it after a kernel's last allocation: growing memory detaches older views. */
export const floats = (backend: BackendWasm): Float32Array =>
  new Float32Array(moduleOf(backend).HEAPU8.buffer)

/** A wasm32 address has 32 bits. */
const MEMORY_END = 2 ** 32
const LINE = 64
const wholeLines = (bytes: number): number => Math.ceil(bytes / LINE) * LINE

let scratch: { backend: BackendWasm; address: number; bytes: number } | undefined

/**
 * Addresses of regions of these sizes in bytes, each on a cache line of its own, with arbitrary content. They are
 * valid until the next call: one piece of memory, as large as the largest demand so far, serves every kernel.
 */
export function scratchRegions(backend: BackendWasm, sizes: readonly number[]): number[] {
  const bytes = sizes.reduce((sum, size) => sum + wholeLines(size), LINE)
  if (scratch?.backend !== backend || scratch.bytes < bytes) {
    const { _malloc, _free } = moduleOf(backend)
    if (scratch?.backend === backend) _free(scratch.address)
    scratch = undefined
    scratch = { backend, address: _malloc(bytes) >>> 0, bytes }
  }
  let next = wholeLines(scratch.address)
  return sizes.map((size) => {
    const address = next
    next += wholeLines(size)
    return address
  })
}

/**
 * Makes an allocation that finds no room an error. Unguarded, malloc's answer 0 is taken for an address, and the
 * tensor overwrites what lies at the start of memory.
 */
export function guardAllocations(backend: BackendWasm): void {
  const module = moduleOf(backend)
  let malloc = module._malloc
  const guarded = (bytes: number): number => {
    // It would see such a number's lowest 32 bits, and take that much.
    const address = bytes < MEMORY_END ? malloc(bytes) : 0
    // 0 is its refusal; close below 4 GiB it may also answer with a region that the memory did not grow to.
    if (bytes > 0 && (address === 0 || (address >>> 0) + bytes > module.HEAPU8.byteLength)) {
      throw new Error(
        `The wasm engine has no room for ${bytes} more bytes (its memory ends at 4 GiB). Use a smaller batch or network, or another engine.`,
      )
    }
    return address
  }
  // At its first call Emscripten's function puts another one in its own place: that one is guarded as well.
  Object.defineProperty(module, '_malloc', {
    get: () => guarded,
    set(value: EmscriptenModule['_malloc']) {
      malloc = value
    },
  })
}
