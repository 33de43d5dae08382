import * as tf from '@tensorflow/tfjs'
import { beforeAll, describe, expect, test } from 'vitest'
import { selectEngine } from '../../../src/engine/select.ts'
import { seededRandom } from '../../support/random.ts'
import { expectSame, on, values } from './support.ts'

beforeAll(async () => {
  await selectEngine('wasm')
})

describe('a matrix product on the wasm engine', () => {
  const random = seededRandom(7)
  const upTo = (n: number) => 1 + Math.floor(random() * n)
  const drawn = Array.from({ length: 20 }, () => [upTo(40), upTo(40), upTo(40)])
  // Whole register tiles, several blocks of each dimension, one row as a prediction has.
  const chosen = [
    [16, 64, 32],
    [8, 300, 24],
    [130, 20, 270],
    [1, 50, 33],
    [64, 512, 10],
  ]
  test.each([...chosen, ...drawn])(
    'of %i x %i with %i columns agrees in every transposition',
    async (m, k, n) => {
      for (const [ta, tb] of [
        [false, false],
        [true, false],
        [false, true],
        [true, true],
      ]) {
        const a = values(ta ? [k, m] : [m, k], m)
        const b = values(tb ? [n, k] : [k, n], n)
        await expectSame([a, b], (x, y) => tf.matMul(x, y, ta, tb))
      }
    },
  )

  test('agrees with leading dimensions, of size one and larger', async () => {
    for (const shapes of [
      [
        [1, 9, 12],
        [1, 12, 8],
      ],
      [
        [3, 9, 12],
        [3, 12, 8],
      ],
      [
        [3, 9, 12],
        [1, 12, 8],
      ],
      [
        [9, 12],
        [1, 12, 8],
      ],
    ]) {
      await expectSame([values(shapes[0], 1), values(shapes[1], 2)], (a, b) => tf.matMul(a, b))
    }
  })

  test('fused with bias and activation agrees, and so do its gradients', async () => {
    for (const rows of [1, 4, 16]) {
      for (const activation of ['linear', 'relu', 'sigmoid'] as const) {
        const inputs = [values([rows, 40], 1), values([40, 12], 2), values([12], 3)]
        await expectSame(inputs, (a, b, bias) =>
          tf.fused.matMul({ a: a as tf.Tensor2D, b: b as tf.Tensor2D, bias, activation }),
        )
      }
    }
    const dense = (x: tf.Tensor, w: tf.Tensor, b: tf.Tensor) => tf.matMul(x, w).add(b).relu()
    await expectSame(
      [values([16, 40], 1), values([40, 12], 2), values([12], 3), values([16, 12], 4)],
      (x, w, b, dy) => tf.grads(dense)([x, w, b], dy),
    )
  })

  test('of nothing is empty or zero', async () => {
    const [{ shape, data }] = await on('wasm', [values([3, 0], 1), values([0, 4], 2)], (a, b) =>
      tf.matMul(a, b),
    )
    expect(shape).toEqual([3, 4])
    expect([...data]).toEqual(new Array(12).fill(0))
  })
})

describe('a max-pool on the wasm engine', () => {
  test.each([
    ['2x2, stride 2, whole', [2, 8, 6, 8], 2, 2, 'valid'],
    ['2x2, stride 2, odd size', [2, 7, 5, 8], 2, 2, 'valid'],
    ['2x2, stride 2, odd channels', [3, 4, 4, 5], 2, 2, 'valid'],
    ['3x3, stride 2, overlapping', [1, 9, 9, 4], 3, 2, 'same'],
  ] as const)('has the gradient of plain JavaScript: %s', async (_name, shape, size, stride, pad) => {
    const pool = (x: tf.Tensor): tf.Tensor => tf.maxPool(x as tf.Tensor4D, size, stride, pad)
    const dyShape = tf.tidy(() => pool(tf.zeros([...shape])).shape)
    await expectSame([values(shape, 1), values(dyShape, 2)], (x, dy) => {
      const { value, grad } = tf.valueAndGrad(pool)(x, dy)
      return [value, grad]
    })
  })

  test('gives the gradient of a window of equal values to one of them only', async () => {
    const x = { shape: [1, 4, 4, 4], data: new Float32Array(64) }
    const dy = { shape: [1, 2, 2, 4], data: new Float32Array(16).fill(1) }
    const pool = (input: tf.Tensor): tf.Tensor => tf.maxPool(input as tf.Tensor4D, 2, 2, 'valid')
    const [{ data }] = await on('wasm', [x, dy], (a, b) => tf.grad(pool)(a, b))
    expect([...data].filter((value) => value === 1)).toHaveLength(16)
    expect([...data].filter((value) => value === 0)).toHaveLength(48)
  })
})

describe('sums and means on the wasm engine', () => {
  test.each([
    [
      [5, 6, 7, 8],
      [0, 1, 2],
    ],
    [[700, 32], [0]],
    [[513, 5], [0]],
    [[4, 3, 8], [1]],
    [[4, 3, 8], [2]],
    [
      [4, 3, 8],
      [0, 1, 2],
    ],
    [
      [1, 1, 1, 16],
      [0, 1, 2],
    ],
  ])('of %j over %j agree, and so do their gradients', async (shape, axes) => {
    for (const keepDims of [false, true]) {
      for (const reduce of [tf.sum, tf.mean]) {
        const apply = (x: tf.Tensor) => reduce(x, axes, keepDims)
        const dyShape = tf.tidy(() => apply(tf.zeros(shape)).shape)
        await expectSame([values(shape, 1), values(dyShape, 2)], (x, dy) => {
          const { value, grad } = tf.valueAndGrad(apply)(x, dy)
          return [value, grad]
        })
      }
    }
  })

  test('of integers and of nothing are those of plain JavaScript', async () => {
    await expectSame([values([6, 8], 1)], (x) => tf.sum(x.mul(10).toInt(), 0))
    await expectSame([values([0, 8], 1)], (x) => tf.sum(x, 0))
  })
})

describe('batch norm on the wasm engine', () => {
  const inputsOf = (shape: readonly number[]) => {
    const channels = shape[shape.length - 1]
    const variance = values([channels], 3)
    return [
      values(shape, 1),
      values([channels], 2),
      { ...variance, data: variance.data.map((value) => value + 1.5) },
      values([channels], 4),
      values([channels], 5),
      values(shape, 6),
    ]
  }
  test.each([[[3, 8, 8, 16]], [[300, 4, 4, 8]], [[4, 5, 5, 6]], [[2, 3, 3, 5]]])(
    'of %j agrees, and so do its five gradients',
    async (shape) => {
      const normalize = (
        x: tf.Tensor,
        mean: tf.Tensor,
        variance: tf.Tensor,
        offset: tf.Tensor,
        scale: tf.Tensor,
      ): tf.Tensor =>
        tf.batchNorm(
          x as tf.Tensor4D,
          mean as tf.Tensor1D,
          variance as tf.Tensor1D,
          offset as tf.Tensor1D,
          scale as tf.Tensor1D,
          1e-5,
        )
      await expectSame(
        inputsOf(shape),
        (x, mean, variance, offset, scale, dy) => {
          const { value, grads } = tf.valueAndGrads(normalize)([x, mean, variance, offset, scale], dy)
          return [value, ...grads]
        },
        1e-4,
      )
    },
  )

  test('without offset and scale agrees', async () => {
    const [x, mean, variance] = inputsOf([2, 4, 4, 8])
    await expectSame([x, mean, variance], (a, b, c) =>
      tf.batchNorm(a as tf.Tensor4D, b as tf.Tensor1D, c as tf.Tensor1D),
    )
  })
})

describe('the smaller kernels of the wasm engine', () => {
  test('repeat a row, and everything else that tile can repeat', async () => {
    await expectSame([values([1, 12], 1)], (x) => tf.tile(x, [5, 1]))
    await expectSame([values([1, 1, 3, 4], 1)], (x) => tf.tile(x, [2, 3, 1, 1]))
    await expectSame([values([2, 3], 1)], (x) => tf.tile(x, [2, 2]))
    await expectSame([values([1, 1], 1)], (x) => tf.tile(x, [7, 3]))
  })

  test('share the memory of a copy that changes nothing, and free it with the last one', () => {
    const { numTensors, numDataBuffers } = tf.memory()
    const x = tf.tensor1d([1, 2, 3])
    const clone = x.clone()
    const same = tf.cast(clone, 'float32')
    expect(tf.memory().numDataBuffers - numDataBuffers).toBe(1)
    tf.dispose([x, clone])
    expect([...same.dataSync()]).toEqual([1, 2, 3])
    const integers = tf.cast(same, 'int32')
    expect([...integers.dataSync()]).toEqual([1, 2, 3])
    tf.dispose([same, integers])
    expect(tf.memory()).toMatchObject({ numTensors, numDataBuffers })
  })

  test('that only plain JavaScript has run there, with any number of inputs and outputs', async () => {
    const lrn = (x: tf.Tensor): tf.Tensor => tf.localResponseNormalization(x as tf.Tensor4D, 2, 2, 1e-4, 0.75)
    await expectSame([values([2, 4, 4, 9], 1), values([2, 4, 4, 9], 2)], (x, dy) => {
      const { value, grad } = tf.valueAndGrad(lrn)(x, dy)
      return [value, grad]
    })
    await expectSame([values([3, 4], 1), values([4, 5], 2)], (a, b) => tf.einsum('ij,jk->ki', a, b))
    await expectSame([values([12], 1)], (x) => {
      const { values: unique, indices } = tf.unique(x.mul(2).round())
      return [unique, indices]
    })
    await expectSame([values([2, 3], 1), values([2, 3], 2), values([2, 3], 3)], (a, b, c) =>
      tf.addN([a, b, c]),
    )
  })
})
