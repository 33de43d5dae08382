import { stockMemory } from '../training-memory.ts'

/** What 32-bit addresses reach. */
const MOST_BYTES = 2 ** 32

export const wasmMemory = stockMemory(MOST_BYTES)
