import type { EngineCandidate } from './candidate.ts'

/** The C++ engine. Its place in the order is kept; this version of vggzoo does not contain it. */
export const nativeEngine: EngineCandidate = {
  name: 'native',
  start: async () => ({
    reason: 'this version of vggzoo has no native engine yet',
    remedy: 'use ENGINE=wasm or ENGINE=auto',
  }),
}
