import * as tf from '@tensorflow/tfjs'
import { beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { BACKEND } from '../../../src/engine/native/kernels.ts'
import { type Case, TOLERANCE } from './cases/case.ts'
import { CONVOLUTION_CASES } from './cases/convolution.ts'
import { DENSE_CASES } from './cases/dense.ts'
import { ELEMENTWISE_CASES } from './cases/elementwise.ts'
import { POOLING_CASES } from './cases/pooling.ts'
import { REDUCTION_CASES } from './cases/reductions.ts'
import { calls, difference, type Outcome, on, startNative, type Values, values } from './support.ts'

beforeAll(async () => {
  await startNative()
})
beforeEach(() => calls.clear())

type Compute = (tensors: Record<string, tf.Tensor>) => tf.Tensor

/** What a computation gives, or why it gives nothing. */
async function outcomeOf(
  backend: typeof BACKEND | 'cpu',
  inputs: Record<string, Values>,
  compute: Compute,
): Promise<Outcome | string> {
  try {
    return (await on(backend, inputs, compute))[0]
  } catch (error) {
    return String(error)
  }
}

async function expectSame(
  inputs: Record<string, Values>,
  compute: Compute,
  tolerance: number,
): Promise<void> {
  const result = await outcomeOf(BACKEND, inputs, compute)
  const reference = await outcomeOf('cpu', inputs, compute)
  if (typeof result === 'string' || typeof reference === 'string') expect(result).toBe(reference)
  else expect(difference(result, reference)).toBeLessThanOrEqual(tolerance)
}

/** One case of each kernel that is its own, with few values. */
const KERNELS = Object.entries({
  ...CONVOLUTION_CASES,
  ...DENSE_CASES,
  ...ELEMENTWISE_CASES,
  ...REDUCTION_CASES,
  ...POOLING_CASES,
}).map(([kernel, cases]): [string, Case] => {
  const sizeOf = ({ inputs }: Case) => Object.values(inputs).reduce((sum, { data }) => sum + data.length, 0)
  return [kernel, cases.find((it) => it.native && sizeOf(it) > 10 && sizeOf(it) < 3000)!]
})

const run =
  (
    kernel: string,
    { attrs = {} }: Case,
    of: (tensor: tf.Tensor, name: string) => tf.Tensor = (tensor) => tensor,
  ) =>
  (tensors: Record<string, tf.Tensor>): tf.Tensor => {
    const inputs = Object.entries(tensors).map(([name, tensor]) => [name, of(tensor, name)])
    return tf.engine().runKernel(kernel, Object.fromEntries(inputs), attrs)
  }

const whole = (of: Values): Values => ({
  ...of,
  dtype: 'int32',
  data: Int32Array.from(of.data, (value) => value * 9),
})
const truth = (of: Values): Values => ({
  ...of,
  dtype: 'bool',
  data: Uint8Array.from(of.data, (value) => (value > 0 ? 1 : 0)),
})
const each = ({ inputs }: Case, change: (it: Values, name: string) => Values) =>
  Object.fromEntries(Object.entries(inputs).map(([name, it]) => [name, change(it, name)]))

describe.each(KERNELS)('%s', (kernel, it) => {
  test('leaves whole numbers and truth values to plain JavaScript', async () => {
    for (const change of [whole, truth]) await expectSame(each(it, change), run(kernel, it), 0)
    expect([...calls]).toEqual([])
  })

  test('leaves complex numbers to plain JavaScript', async () => {
    const complex = (tensor: tf.Tensor) => tf.complex(tensor, tensor.reverse())
    await expectSame(it.inputs, run(kernel, it, complex), 0)
    expect([...calls]).toEqual([])
  })

  test('takes whole numbers that were cast to float32, of which the memory still holds whole numbers', async () => {
    for (const change of [whole, truth]) {
      const cast = (tensor: tf.Tensor) => tf.cast(tensor, 'float32')
      await expectSame(each(it, change), run(kernel, it, cast), TOLERANCE)
    }
    expect(calls.size).toBeGreaterThan(0)
  })

  test('agrees where one input alone is of whole numbers', async () => {
    for (const name of Object.keys(it.inputs)) {
      const inputs = each(it, (input, its) => (its === name ? whole(input) : input))
      await expectSame(inputs, run(kernel, it), TOLERANCE)
    }
  })
})

const EMPTY: [name: string, shapes: number[][], compute: (...x: tf.Tensor[]) => tf.Tensor][] = [
  ['a ReLU', [[0]], (x) => tf.relu(x)],
  ['a square', [[2, 0, 3]], (x) => tf.square(x)],
  ['a sum with a row', [[0, 3], [3]], (x, y) => tf.add(x, y)],
  ['a product with a scalar', [[2, 0], []], (x, y) => tf.mul(x, y)],
  [
    'a broadcast product',
    [
      [2, 0],
      [1, 0],
    ],
    (x, y) => tf.mul(x, y),
  ],
  ['a sum over nothing', [[0, 4]], (x) => tf.sum(x, 0)],
  ['a sum of nothing', [[0, 4]], (x) => tf.sum(x, 1)],
  ['a mean over nothing', [[4, 0]], (x) => tf.mean(x, 1)],
  ['a maximum over nothing', [[4, 0]], (x) => tf.max(x, 1)],
  ['a soft-max', [[0, 5]], (x) => tf.softmax(x)],
  ['a transposition', [[0, 3]], (x) => tf.transpose(x)],
  [
    'a matrix product without depth',
    [
      [3, 0],
      [0, 4],
    ],
    (x, y) => tf.matMul(x, y),
  ],
  [
    'a matrix product without rows',
    [
      [0, 3],
      [3, 4],
    ],
    (x, y) => tf.matMul(x, y),
  ],
  [
    'no matrix products',
    [
      [0, 2, 3],
      [0, 3, 4],
    ],
    (x, y) => tf.matMul(x, y),
  ],
  [
    'a convolution of no image',
    [
      [0, 4, 4, 3],
      [3, 3, 3, 2],
    ],
    (x, y) => tf.conv2d(x as tf.Tensor4D, y as tf.Tensor4D, 1, 'same'),
  ],
  [
    'a convolution to no channel',
    [
      [1, 4, 4, 3],
      [3, 3, 3, 0],
    ],
    (x, y) => tf.conv2d(x as tf.Tensor4D, y as tf.Tensor4D, 1, 'same'),
  ],
  [
    'a convolution that fits nowhere',
    [
      [1, 2, 2, 3],
      [3, 3, 3, 2],
    ],
    (x, y) => tf.conv2d(x as tf.Tensor4D, y as tf.Tensor4D, 1, 'valid'),
  ],
  ['a max-pool of no image', [[0, 4, 4, 3]], (x) => tf.maxPool(x as tf.Tensor4D, 2, 2, 'valid')],
  ['an average pool that fits nowhere', [[1, 1, 1, 3]], (x) => tf.avgPool(x as tf.Tensor4D, 2, 2, 'valid')],
  [
    'a batch norm of no row',
    [[0, 3], [3], [3]],
    (x, mean, variance) => tf.batchNorm2d(x as tf.Tensor2D, mean as tf.Tensor1D, variance as tf.Tensor1D),
  ],
]

test.each(EMPTY)('%s is that of plain JavaScript', async (_name, shapes, compute) => {
  const inputs = Object.fromEntries(shapes.map((shape, i) => [`x${i}`, values(shape, i, { from: 0.5 })]))
  await expectSame(inputs, (tensors) => compute(...Object.values(tensors)), 0)
  expect([...calls]).toEqual([])
})

test('padding that no memory could hold is left to plain JavaScript', async () => {
  const inputs = { x: values([1, 2, 2, 1], 1), filter: values([1, 1, 1, 1], 2) }
  const far = 2 ** 21
  await expectSame(inputs, ({ x, filter }) => tf.conv2d(x as tf.Tensor4D, filter as tf.Tensor4D, far, far), 0)
})
