/** Uses the engine before it was started, and where memory is scarce; prints one line of JSON. */
import * as tf from '@tensorflow/tfjs'
import { loadAddon } from '../../../src/engine/native/addon.ts'
import type { NativeBackend } from '../../../src/engine/native/backend.ts'
import { BACKEND } from '../../../src/engine/native/kernels.ts'
import { registerNativeBackend } from '../../../src/engine/native/register.ts'

/** What became of a call: its result, or the error's name and code. */
function outcomeOf(attempt: () => unknown): unknown {
  try {
    return attempt()
  } catch (error) {
    const { name, code, message } = error as NodeJS.ErrnoException
    return { name, code, message }
  }
}

const addon = loadAddon()
const early = outcomeOf(() => addon.unary(0, new Float32Array(1), 0, 0, new Float32Array(1)))
addon.start(2, null)
registerNativeBackend(addon)
await tf.setBackend(BACKEND)
const backend = tf.backend() as NativeBackend

/** Results that lie so far apart that what is between them, zeros, takes 160 GB. */
const spread = (distance: number) =>
  tf.tidy(() => {
    const x = tf.tensor4d([3], [1, 1, 1, 1])
    const filter = tf.tensor4d([2], [1, 1, 1, 1])
    return [...tf.conv2d(x, filter, distance, distance).dataSync()]
  })

const before = spread(1)
const { numTensors } = tf.memory()
const { usedBytes } = backend.pool.stats
const large = outcomeOf(() => spread(100_000))
const again = outcomeOf(() => spread(100_000))
const y = Float32Array.of(7)
const directly = outcomeOf(() =>
  addon.filterGradient(
    Int32Array.of(1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 1, 1, 1),
    true,
    Float32Array.of(3),
    Float32Array.of(2),
    y,
  ),
)
const result = {
  early,
  before,
  large,
  again,
  directly: [directly ?? null, y[0]],
  after: spread(1),
  tensors: tf.memory().numTensors - numTensors,
  bytes: backend.pool.stats.usedBytes - usedBytes,
}
process.stdout.write(`${JSON.stringify(result)}\n`)
