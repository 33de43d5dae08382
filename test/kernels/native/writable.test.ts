import * as tf from '@tensorflow/tfjs'
import { beforeAll, describe, expect, test } from 'vitest'
import type { NativeBackend } from '../../../src/engine/native/backend.ts'
import { startNative } from './support.ts'

let backend: NativeBackend
beforeAll(async () => {
  backend = await startNative()
})

/** A variable whose values nobody else sees. */
function ownVariable(): tf.Variable {
  const variable = tf.tidy(() => tf.variable(tf.tensor1d([1, 2, 3])))
  backend.writable(variable)
  return variable
}
const read = (tensor: tf.Tensor) => [...tensor.dataSync()]

describe('the values of a variable that may be changed', () => {
  test('are the ones it has, where nobody else sees them', () => {
    const variable = ownVariable()
    const { dataId } = variable
    const values = backend.writable(variable)
    expect(values).toBe(backend.values(variable))
    expect(variable.dataId).toBe(dataId)
    values[1] = 20
    expect(read(variable)).toEqual([1, 20, 3])
    variable.dispose()
  })

  test('are not the array it was made of', () => {
    const array = Float32Array.of(1, 2, 3)
    const variable = tf.variable(tf.tensor1d(array))
    backend.writable(variable)[0] = 10
    expect([...array]).toEqual([1, 2, 3])
    expect(read(variable)).toEqual([10, 2, 3])
    expect(backend.writable(variable)).toBe(backend.values(variable))
    variable.dispose()
  })

  test.each<[string, (variable: tf.Tensor) => tf.Tensor, number[]]>([
    ['a clone', (variable) => variable.clone(), [1, 2, 3]],
    ['another shape', (variable) => variable.reshape([3, 1]), [1, 2, 3]],
    ['a slice', (variable) => variable.slice(1, 2), [2, 3]],
    ['another variable', (variable) => tf.variable(variable), [1, 2, 3]],
    ['a tensor that was cast to what it is', (variable) => tf.cast(variable, 'float32'), [1, 2, 3]],
  ])('are a copy of their own while %s shows them', (_name, other, wanted) => {
    const variable = ownVariable()
    const shown = other(variable)
    const values = backend.writable(variable)
    values.fill(7)
    expect(read(variable)).toEqual([7, 7, 7])
    expect(read(shown)).toEqual(wanted)
    // Now they are its own.
    expect(backend.writable(variable)).toBe(values)
    tf.dispose([shown, variable])
  })

  test('are its own again when what showed them is gone', () => {
    const variable = ownVariable()
    const values = backend.values(variable)
    tf.dispose([variable.clone(), variable.slice(0, 1), variable.reshape([3, 1])])
    expect(backend.writable(variable)).toBe(values)
    variable.dispose()
  })

  test('are a copy where an assigned tensor lives on', () => {
    const variable = ownVariable()
    const tensor = tf.tidy(() => tf.add(tf.tensor1d([4, 5, 6]), 0))
    variable.assign(tensor)
    backend.writable(variable)[0] = 40
    expect(read(tensor)).toEqual([4, 5, 6])
    expect(read(variable)).toEqual([40, 5, 6])
    tf.dispose([variable, tensor])
  })

  test('are the memory of an assigned tensor that is gone', () => {
    const variable = ownVariable()
    const tensor = tf.tidy(() => tf.add(tf.tensor1d([4, 5, 6]), 0))
    const values = backend.values(tensor)
    variable.assign(tensor)
    tensor.dispose()
    expect(backend.writable(variable)).toBe(values)
    variable.dispose()
  })

  test('are of float32 where a cast left whole numbers in memory', () => {
    const whole = tf.tensor1d([1, 2, 3], 'int32')
    const variable = tf.variable(tf.cast(whole, 'float32'))
    backend.writable(variable)[0] = 0.5
    expect(read(variable)).toEqual([0.5, 2, 3])
    expect(read(whole)).toEqual([1, 2, 3])
    tf.dispose([variable, whole])
  })

  test('leave the counts of tensors and bytes as they are, and outlive the scope they were asked for in', () => {
    const variable = tf.tidy(() => tf.variable(tf.tensor1d([1, 2, 3])))
    const clone = variable.clone()
    const { numTensors, numBytes } = tf.memory()
    tf.tidy(() => {
      backend.writable(variable)[0] = 9
    })
    expect(read(variable)).toEqual([9, 2, 3])
    clone.dispose()
    expect(tf.memory()).toMatchObject({ numTensors: numTensors - 1, numBytes: numBytes - 12 })
    const { usedBytes } = backend.pool.stats
    variable.dispose()
    expect(backend.pool.stats.usedBytes).toBeLessThan(usedBytes)
  })
})
