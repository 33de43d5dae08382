import * as tf from '@tensorflow/tfjs'
import { beforeEach, describe, expect, test } from 'vitest'
import { BACKEND } from '../../../src/engine/native/kernels.ts'
import { TOLERANCE } from './cases/case.ts'
import {
  calls,
  difference,
  differenceOf,
  INSTRUCTION_SETS,
  on,
  startNative,
  type Values,
  values,
} from './support.ts'

/** Values of which some, at given places, are something special. */
function having(base: Values, places: Record<number, number>): Values {
  const data = Float32Array.from(base.data)
  for (const [place, value] of Object.entries(places)) data[Number(place)] = value
  return { ...base, data }
}

const { NaN: nan, POSITIVE_INFINITY: inf, NEGATIVE_INFINITY: minus } = Number

type Tensors = Record<string, tf.Tensor>
const convolve = ({ x, filter }: Tensors): tf.Tensor =>
  tf.conv2d(x as tf.Tensor4D, filter as tf.Tensor4D, 1, 'same')
const gradients = ({ x, filter, dy }: Tensors) =>
  tf.grads((a: tf.Tensor, b: tf.Tensor) => convolve({ x: a, filter: b }))([x, filter], dy)

describe.each(INSTRUCTION_SETS)('on %s', (instructionSet) => {
  beforeEach(async () => {
    await startNative(2, instructionSet)
    calls.clear()
  })

  test.each([
    ['not a number', { 120: nan }],
    ['infinite', { 120: inf, 230: minus }],
    ['of both infinities in one window', { 120: inf, 121: minus, 124: inf }],
  ])('a convolution spreads a pixel that is %s as far as its filter reaches', async (_name, places) => {
    const inputs = { x: having(values([1, 9, 9, 4], 1), places), filter: values([3, 3, 4, 6], 2) }
    expect(await differenceOf(inputs, convolve)).toBeLessThan(TOLERANCE)
    expect(calls).toContain('convolve')
  })

  test('its gradients spread what is not a number as far', async () => {
    const [x, filter, dy] = [values([1, 9, 9, 4], 1), values([3, 3, 4, 6], 2), values([1, 9, 9, 6], 3)]
    // In the middle: at a border plain JavaScript skips the products with the zeros around the image.
    expect(await differenceOf({ x: having(x, { 162: nan }), filter, dy }, gradients)).toBeLessThan(TOLERANCE)
    expect(await differenceOf({ x, filter, dy: having(dy, { 242: inf }) }, gradients)).toBeLessThan(TOLERANCE)
    expect(calls).toContain('filterGradient')
  })

  test("Winograd's algorithm loses no pixel that is not a number, and leaves the other images alone", async () => {
    const x = having(values([2, 8, 8, 32], 1), { 300: nan, 1500: inf })
    const inputs = { x, filter: values([3, 3, 32, 32], 2) }
    const [result] = await on(BACKEND, inputs, convolve)
    const [reference] = await on('cpu', inputs, convolve)
    const lost = reference.data.findIndex(
      (value, i) => !Number.isFinite(value) && Number.isFinite(result.data[i]),
    )
    expect(lost).toBe(-1)
    const second = ({ data }: typeof result) => ({ shape: [2048], dtype: 'float32', data: data.slice(2048) })
    expect(difference(second(result), second(reference))).toBeLessThan(2e-5)
  })

  test.each([1, 3, 9])('a product of %i rows spreads them over a row or a column', async (rows) => {
    const a = having(values([rows, 20], 1), { 3: nan })
    const b = having(values([20, 37], 2), { 8: inf, 100: minus, 111: nan })
    for (const activation of ['linear', 'relu'] as const) {
      const error = await differenceOf({ a, b, bias: values([37], 3) }, (it) =>
        tf.fused.matMul({ a: it.a, b: it.b, bias: it.bias, activation }),
      )
      expect(error).toBeLessThan(TOLERANCE)
    }
    expect(calls).toContain('denseForward')
  })

  test('the gradients of a product spread them likewise', async () => {
    const inputs = {
      a: having(values([9, 20], 1), { 25: nan }),
      b: having(values([20, 37], 2), { 40: inf }),
      dy: having(values([9, 37], 3), { 77: minus, 200: nan }),
    }
    const error = await differenceOf(inputs, ({ a, b, dy }) =>
      tf.grads((x: tf.Tensor, y: tf.Tensor): tf.Tensor => tf.matMul(x, y))([a, b], dy),
    )
    expect(error).toBeLessThan(TOLERANCE)
    expect(calls).toContain('denseWeightGradient')
    expect(calls).toContain('denseInputGradient')
  })
})
