import * as tf from '@tensorflow/tfjs'
import { describe, expect, test } from 'vitest'
import { BACKEND } from '../../../src/engine/native/kernels.ts'
import { WINOGRAD_TOLERANCE } from './cases/case.ts'
import {
  addon,
  difference,
  INSTRUCTION_SETS,
  on,
  sameBytes,
  startNative,
  type Values,
  values,
} from './support.ts'

/**
 * More than plain JavaScript could compute in a test: enough tiles for several blocks of them in each of the kernels.
 * Direct convolution, which is compared with plain JavaScript elsewhere, is the reference.
 */
const ATTRS = { strides: 1, pad: 'same', dataFormat: 'NHWC', dilations: 1 }
const [x, filter, dy] = [values([4, 32, 32, 32], 1), values([3, 3, 32, 64], 2), values([4, 32, 32, 64], 3)]
const CASES: [kernel: string, inputs: Record<string, Values>, attrs: tf.NamedAttrMap][] = [
  ['Conv2D', { x, filter }, ATTRS],
  ['Conv2DBackpropInput', { dy, filter }, { ...ATTRS, inputShape: x.shape }],
  ['Conv2DBackpropFilter', { x, dy }, { ...ATTRS, filterShape: filter.shape }],
  // A filter whose transforms do not fit the second-level cache.
  [
    'Conv2DBackpropFilter',
    { x: values([10, 32, 32, 32], 4), dy: values([10, 32, 32, 160], 5) },
    { ...ATTRS, filterShape: [3, 3, 32, 160] },
  ],
]

describe.each(INSTRUCTION_SETS)('on %s', (instructionSet) => {
  test.each(CASES)(
    "%s by Winograd's algorithm agrees with it computed directly",
    async (kernel, inputs, attrs) => {
      const compute = async () => {
        const run = (tensors: tf.NamedTensorMap): tf.Tensor => tf.engine().runKernel(kernel, tensors, attrs)
        return (await on(BACKEND, inputs, run))[0]
      }
      const backend = await startNative(2, instructionSet)
      backend.direct = true
      const direct = await compute()
      backend.direct = false
      const winograd = await compute()
      expect(difference(winograd, direct)).toBeLessThan(WINOGRAD_TOLERANCE)
      expect(sameBytes(winograd, direct)).toBe(false)
      addon.start(3, instructionSet)
      expect(sameBytes(await compute(), winograd)).toBe(true)
    },
  )
})
