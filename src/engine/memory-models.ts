import { nativeMemory } from './native/training-memory.ts'
import type { EngineKind } from './report.ts'
import { type EngineMemory, stockMemory } from './training-memory.ts'
import { wasmMemory } from './wasm/training-memory.ts'

const models: Record<EngineKind, EngineMemory> = {
  TENSORFLOW_GPU: stockMemory(),
  TENSORFLOW_CPU: stockMemory(),
  WEBGPU: stockMemory(),
  NATIVE: nativeMemory,
  WASM: wasmMemory,
  CPU: stockMemory(),
}

/** @param kind  null where no engine can run: as of plain JavaScript */
export function memoryModelOf(kind: EngineKind | null): EngineMemory {
  return models[kind ?? 'CPU']
}
