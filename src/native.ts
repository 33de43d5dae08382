/**
 * `import 'vggzoo/native'` gives any TensorFlow.js program in Node the backend `native`: kernels in C++ on all cores.
 * It has the highest priority, so that TensorFlow.js takes it where the program names no other; `tf.setBackend('native')`
 * names it. What has no kernel of its own runs on those of the cpu backend, which are all there.
 */
import { nativeKernels } from './engine/native/kernels.ts'
import { startNative } from './engine/native/start.ts'

const started = startNative()
if ('reason' in started) {
  throw new Error(`vggzoo/native cannot start: ${started.reason}. To go on, ${started.remedy}.`)
}

export const { instructionSet, threads } = started
/** The TensorFlow.js kernels that are written in C++. */
export const kernels: readonly string[] = nativeKernels().filter((name) => !name.startsWith('Vggzoo'))
