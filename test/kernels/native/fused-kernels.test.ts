import * as tf from '@tensorflow/tfjs'
import { beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import type { NativeBackend } from '../../../src/engine/native/backend.ts'
import { BACKEND, nativeKernels } from '../../../src/engine/native/kernels.ts'
import { TOLERANCE } from './cases/case.ts'
import { FUSED_CASES as CASES } from './cases/fused.ts'
import { type FusedCase, gradientOf, outcomesOf } from './cases/fused-case.ts'
import {
  addon,
  difference,
  INSTRUCTION_SETS,
  type Outcome,
  sameBytes,
  startNative,
  type Values,
} from './support.ts'

const KERNELS = Object.keys(CASES)

let backend: NativeBackend
beforeAll(async () => {
  backend = await startNative()
})

test('every fused layer is compared with operations of TensorFlow.js', () => {
  const kernels = nativeKernels().filter((name) => name.startsWith('Vggzoo'))
  expect(KERNELS.map((name) => `Vggzoo${name}`).sort()).toEqual(kernels)
})

/** The gradient that comes from behind, and what plain JavaScript makes of it: computed once, not for each instruction set. */
const references = new Map<FusedCase, Promise<{ dy: Values | undefined; outcomes: Outcome[] }>>()
function referenceFor(it: FusedCase) {
  const known = references.get(it) ?? computeReference(it)
  references.set(it, known)
  return known
}
async function computeReference(it: FusedCase) {
  const dy = await gradientOf(it)
  return { dy, outcomes: await outcomesOf('cpu', it, dy) }
}

const differences = (outcomes: Outcome[], references: Outcome[]) =>
  outcomes.map((outcome, i) => difference(outcome, references[i]))
const same = (outcomes: Outcome[], others: Outcome[]) =>
  outcomes.every((outcome, i) => sameBytes(outcome, others[i]))

describe.each(INSTRUCTION_SETS)('on %s', (instructionSet) => {
  beforeEach(async () => {
    backend = await startNative(2, instructionSet)
    backend.direct = false
  })

  test.each(KERNELS)('%s and its gradients agree with plain JavaScript', async (kernel) => {
    const wrong: string[] = []
    const expectAll = (it: FusedCase, outcomes: Outcome[], references: Outcome[], tolerance: number) => {
      const errors = differences(outcomes, references)
      if (outcomes.length !== references.length || errors.some((error) => !(error <= tolerance)))
        wrong.push(`${it.name}${backend.direct ? ', direct' : ''}: ${errors}`)
    }
    const run = vi.spyOn(tf.engine(), 'runKernel')
    for (const it of CASES[kernel]) {
      const { dy, outcomes: references } = await referenceFor(it)
      run.mockClear()
      const outcomes = await outcomesOf(BACKEND, it, dy)
      const fused = run.mock.calls.map(([name]) => name).filter((name) => name.startsWith('Vggzoo'))
      if (fused.length === 0 || fused.some((name) => name !== `Vggzoo${kernel}`))
        wrong.push(`${it.name}: ran ${fused}`)
      expectAll(it, outcomes, references, it.tolerance)
      if (!it.winograd) continue
      backend.direct = true
      const direct = await outcomesOf(BACKEND, it, dy)
      expectAll(it, direct, references, TOLERANCE)
      backend.direct = false
      // Of the gradients the bias' has nothing to do with it.
      for (const at of [0, 1, 2])
        if (sameBytes(direct[at], outcomes[at]))
          wrong.push(`${it.name}, ${at}: not computed by Winograd's algorithm`)
    }
    run.mockRestore()
    expect(wrong).toEqual([])
  })

  test.each(KERNELS)('%s gives the same bytes by any number of threads', async (kernel) => {
    const wrong: string[] = []
    const first = new Map<FusedCase, Outcome[]>()
    const some = CASES[kernel].filter((it, at) => at % 3 === 0 || it.winograd)
    for (const threads of [2, 1, 3]) {
      addon.start(threads, instructionSet)
      for (const it of some) {
        const outcomes = await outcomesOf(BACKEND, it, it.dy)
        if (!same(outcomes, first.get(it) ?? outcomes)) wrong.push(`${it.name}, ${threads} threads`)
        else first.set(it, outcomes)
      }
    }
    expect(wrong).toEqual([])
  })
})
