import * as tf from '@tensorflow/tfjs'
import { afterEach, beforeAll, expect, test } from 'vitest'
import { fusedLayers } from '../../../src/engine/fused.ts'
import type { NativeAddon } from '../../../src/engine/native/addon.ts'
import type { NativeBackend } from '../../../src/engine/native/backend.ts'
import { BACKEND } from '../../../src/engine/native/kernels.ts'
import { FUSED_CASES } from './cases/fused.ts'
import { outcomesOf } from './cases/fused-case.ts'
import { sameBytes, startNative, values } from './support.ts'

let backend: NativeBackend
let addon: NativeAddon
beforeAll(async () => {
  backend = await startNative()
  addon = backend.addon
})
afterEach(() => {
  Object.assign(backend, { addon })
})

const held = () => ({
  tensors: tf.memory().numTensors,
  bytes: tf.memory().numBytes,
  pool: backend.pool.stats.usedBytes,
})

/** From now on the addon finds no memory at its call number `at`, counted from 0; until then it works. */
function failAt(at: number): void {
  let calls = 0
  const get = (_: NativeAddon, name: keyof NativeAddon) => {
    const call = addon[name] as (...args: unknown[]) => unknown
    return (...args: unknown[]) => {
      if (calls++ === at) throw Object.assign(new Error('no memory'), { code: 'ERR_NATIVE_MEMORY' })
      return call(...args)
    }
  }
  Object.assign(backend, { addon: new Proxy(addon, { get: get as ProxyHandler<NativeAddon>['get'] }) })
}

/** TensorFlow.js keeps what a pass forward saved if the way back fails, whatever the engine. */
function forgetTape(): void {
  const { state } = tf.engine()
  for (const { saved } of state.activeTape ?? []) tf.dispose(saved)
  Object.assign(state, { activeTape: null })
}

test.each(Object.keys(FUSED_CASES))(
  '%s and its gradients give back all they took, whichever of their calls fails',
  async (kernel) => {
    const [it] = FUSED_CASES[kernel]
    const run = () => outcomesOf(BACKEND, it, it.dy)
    const wanted = await run()
    const before = held()
    let failed = 0
    for (let fails = true; fails; ) {
      failAt(failed)
      fails = await run().then(
        () => false,
        (error) => error.code === 'ERR_NATIVE_MEMORY',
      )
      Object.assign(backend, { addon })
      if (!fails) break
      failed++
      forgetTape()
      expect(held(), `call ${failed}`).toEqual(before)
    }
    expect(failed).toBeGreaterThan(it.dy === undefined ? 0 : 3)
    const outcomes = await run()
    expect(outcomes.every((outcome, i) => sameBytes(outcome, wanted[i]))).toBe(true)
    expect(held()).toEqual(before)
  },
)

test('a step of an optimizer that fails changes no count', () => {
  const layers = fusedLayers(tf)!
  const [weights, first, second] = [1, 2, 3].map((seed) => tf.variable(tf.tensor(values([9], seed).data)))
  for (const variable of [weights, first, second]) layers.settle(variable)
  const gradient = tf.tensor(values([9], 4).data)
  const before = held()
  const rule = { learningRate: 0.1, weightDecay: 0 }
  for (const step of [
    () => layers.sgdStep(weights, gradient, first, { ...rule, momentum: 0.9, nesterov: true }),
    () =>
      layers.adamStep(weights, gradient, first, second, {
        ...rule,
        beta1: 0.9,
        beta2: 0.99,
        epsilon: 1e-8,
        step: 1,
      }),
  ]) {
    failAt(0)
    expect(step).toThrow('no memory')
    expect(held()).toEqual(before)
  }
  tf.dispose([weights, first, second, gradient])
})
