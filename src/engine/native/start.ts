import type { EngineRefused } from '../candidate.ts'
import { loadAddon, type NativeAddon } from './addon.ts'
import { registerNativeBackend } from './register.ts'
import { allowedThreads } from './threads.ts'

/** See native/install.mjs: `npm rebuild` is for a program that depends on this package. */
const BUILD = import.meta.dirname.includes('/node_modules/') ? 'npm rebuild vggzoo' : 'npm run install'

export interface NativeStarted {
  instructionSet: string
  threads: number
}

/**
 * Loads the kernels in C++, starts their threads and registers the backend with TensorFlow.js, which does not use it
 * yet. The variables NATIVE_THREADS and NATIVE_ISA are read here.
 */
export function startNative(): NativeStarted | EngineRefused {
  let addon: NativeAddon
  try {
    addon = loadAddon()
  } catch {
    return {
      reason: 'it was not built when vggzoo was installed',
      remedy: `install a C++ compiler, make and Python 3, then run ${BUILD}`,
    }
  }
  const wanted = process.env.NATIVE_ISA?.trim() || null
  const known = addon.instructionSets()
  if (wanted !== null && !known.includes(wanted)) {
    return {
      reason: `NATIVE_ISA is ${wanted}, and this processor has ${known.join(', ')}`,
      remedy: 'unset NATIVE_ISA',
    }
  }
  const threads = Number(process.env.NATIVE_THREADS) || allowedThreads()
  const instructionSet = addon.start(threads, wanted)
  registerNativeBackend(addon)
  return { instructionSet, threads }
}
