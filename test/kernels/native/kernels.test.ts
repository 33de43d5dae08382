import * as tf from '@tensorflow/tfjs'
import { beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { NativeBackend } from '../../../src/engine/native/backend.ts'
import { BACKEND, nativeKernels } from '../../../src/engine/native/kernels.ts'
import { type Case, type Cases, TOLERANCE } from './cases/case.ts'
import { CONVOLUTION_CASES } from './cases/convolution.ts'
import { DENSE_CASES } from './cases/dense.ts'
import { ELEMENTWISE_CASES } from './cases/elementwise.ts'
import { POOLING_CASES } from './cases/pooling.ts'
import { REDUCTION_CASES } from './cases/reductions.ts'
import {
  addon,
  calls,
  difference,
  INSTRUCTION_SETS,
  type Outcome,
  on,
  sameBytes,
  startNative,
} from './support.ts'

const CASES: Cases = {
  ...CONVOLUTION_CASES,
  ...DENSE_CASES,
  ...ELEMENTWISE_CASES,
  ...REDUCTION_CASES,
  ...POOLING_CASES,
}

let backend: NativeBackend
beforeAll(async () => {
  backend = await startNative()
})

test('every kernel in C++ is compared with plain JavaScript', () => {
  // The kernels of fused training layers have tests of their own: tfjs has nothing to compare them with.
  const kernels = nativeKernels().filter((name) => !name.startsWith('Vggzoo'))
  expect(Object.keys(CASES).sort()).toEqual(kernels)
})

const run = async (name: typeof BACKEND | 'cpu', kernel: string, { inputs, attrs = {} }: Case) => {
  const results = await on(name, inputs, (tensors) =>
    tf.engine().runKernel<tf.Tensor>(kernel, tensors as tf.NamedTensorMap, attrs),
  )
  return results[0]
}

/** Computed once, not once for each instruction set. */
const references = new Map<string, Promise<Outcome>>()
function referenceFor(kernel: string, at: number): Promise<Outcome> {
  const key = `${kernel} ${at}`
  const known = references.get(key) ?? run('cpu', kernel, CASES[kernel][at])
  references.set(key, known)
  return known
}

const sizeOf = ({ inputs }: Case) => Object.values(inputs).reduce((sum, { data }) => sum + data.length, 0)

describe.each(INSTRUCTION_SETS)('on %s', (instructionSet) => {
  beforeEach(async () => {
    backend = await startNative(2, instructionSet)
    backend.direct = false
  })

  test.each(Object.keys(CASES))('%s agrees with plain JavaScript', async (kernel) => {
    const wrong: string[] = []
    for (const [at, it] of CASES[kernel].entries()) {
      calls.clear()
      const result = await run(BACKEND, kernel, it)
      if (it.native !== undefined && calls.size > 0 !== it.native)
        wrong.push(`${it.name}: ${it.native ? 'left to' : 'not left to'} the cpu backend`)
      const reference = await referenceFor(kernel, at)
      const error = difference(result, reference)
      if (!(error <= it.tolerance)) wrong.push(`${it.name}: ${error}`)
      if (!it.winograd) continue
      backend.direct = true
      const direct = await run(BACKEND, kernel, it)
      backend.direct = false
      const directError = difference(direct, reference)
      if (!(directError <= TOLERANCE)) wrong.push(`${it.name}, direct: ${directError}`)
      if (sameBytes(direct, result)) wrong.push(`${it.name}: not computed by Winograd's algorithm`)
    }
    expect(wrong).toEqual([])
  })

  test.each(Object.keys(CASES))('%s gives the same bytes by any number of threads', async (kernel) => {
    const wrong: string[] = []
    const first = new Map<Case, Outcome>()
    // All that is large enough to be shared out in several ways, and a third of the rest.
    const some = CASES[kernel].filter((it, at) => it.native !== false && (at % 3 === 0 || sizeOf(it) > 4000))
    for (const threads of [2, 1, 3, 2]) {
      addon.start(threads, instructionSet)
      for (const it of some) {
        const result = await run(BACKEND, kernel, it)
        if (!sameBytes(result, first.get(it) ?? result)) wrong.push(`${it.name}, ${threads} threads`)
        else first.set(it, result)
      }
    }
    expect(wrong).toEqual([])
  })
})
