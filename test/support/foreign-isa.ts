/** An instruction set that this machine cannot have: with it as NATIVE_ISA, the native engine does not start anywhere. */
export const FOREIGN_ISA = process.arch === 'arm64' ? 'SSE2' : 'NEON'
