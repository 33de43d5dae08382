import { tf } from '../tensorflow.ts'
import type { EngineCandidate, EngineRefused, EngineStarted } from './candidate.ts'
import { BACKEND } from './native/kernels.ts'
import { startNative } from './native/start.ts'
import { processorName } from './processor.ts'

/** Our kernels in C++, on every core the process may use. */
export const nativeEngine: EngineCandidate = {
  name: 'native',
  async start(): Promise<EngineStarted | EngineRefused> {
    const started = startNative()
    if ('reason' in started) return started
    if (!(await tf.setBackend(BACKEND))) throw new Error('The native backend did not start.')
    const { instructionSet, threads } = started
    return { kind: 'NATIVE', processor: processorName(), instructionSet, threads }
  },
}
