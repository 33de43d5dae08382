import * as tf from '@tensorflow/tfjs'
import type { EngineCandidate, EngineRefused, EngineStarted } from './candidate.ts'
import { loadAddon, type NativeAddon } from './native/addon.ts'
import { BACKEND } from './native/kernels.ts'
import { registerNativeBackend } from './native/register.ts'
import { allowedThreads } from './native/threads.ts'
import { processorName } from './processor.ts'

/** Our kernels in C++, on every core the process may use. */
export const nativeEngine: EngineCandidate = {
  name: 'native',
  async start(): Promise<EngineStarted | EngineRefused> {
    let addon: NativeAddon
    try {
      addon = loadAddon()
    } catch {
      return {
        reason: 'it was not built when vggzoo was installed',
        remedy: 'install a C++ compiler, make and Python 3, then run npm rebuild',
      }
    }
    const wanted = process.env.NATIVE_ISA || null
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
    if (!(await tf.setBackend(BACKEND))) throw new Error('The native backend did not start.')
    return {
      kind: 'NATIVE',
      device: `${processorName()}, ${instructionSet}, ${threads} thread${threads === 1 ? '' : 's'}`,
    }
  },
}
