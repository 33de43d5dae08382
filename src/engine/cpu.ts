import { tf } from '../tensorflow.ts'
import type { EngineCandidate } from './candidate.ts'
import { processorName } from './processor.ts'

/** TensorFlow.js' own kernels in plain JavaScript: slow, and there on every machine. */
export const cpuEngine: EngineCandidate = {
  name: 'cpu',
  async start() {
    await tf.setBackend('cpu')
    await tf.ready()
    return { kind: 'CPU', processor: processorName(), instructionSet: 'JavaScript', threads: 1 }
  },
}
