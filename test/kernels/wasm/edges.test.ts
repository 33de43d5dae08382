import * as tf from '@tensorflow/tfjs'
import { beforeAll, describe, expect, test } from 'vitest'
import { selectEngine } from '../../../src/engine/select.ts'
import { seededRandom } from '../../support/random.ts'
import { expectSame, on, values } from './support.ts'

/** Shapes that no network of the zoo has and that a caller of tfjs may have all the same. */
beforeAll(async () => {
  await selectEngine('wasm')
})

const convolve = (stride: number | [number, number], pad: Padding) => (x: tf.Tensor, filter: tf.Tensor) =>
  tf.conv2d(x as tf.Tensor4D, filter as tf.Tensor4D, stride, pad) as tf.Tensor
type Padding = 'same' | 'valid' | tf.backend_util.ExplicitPadding

const maxPool = (size: number, stride: number, pad: Padding) => (x: tf.Tensor) =>
  tf.maxPool(x as tf.Tensor4D, size, stride, pad) as tf.Tensor

/** A result, so large that it shows whether what ran before it has harmed the memory. */
const isUnharmed = () => expectSame([values([9, 13], 1), values([13, 10], 2)], (a, b) => tf.matMul(a, b))

describe('a matrix product on the wasm engine of factors without elements', () => {
  test.each([
    [
      [3, 2, 0],
      [3, 0, 4],
    ],
    [
      [1, 2, 0],
      [3, 0, 4],
    ],
    [
      [2, 1, 3, 0],
      [2, 1, 0, 2],
    ],
    [
      [0, 3, 5],
      [0, 5, 4],
    ],
    [
      [3, 0, 5],
      [3, 5, 4],
    ],
    [
      [5, 0],
      [0, 4],
    ],
  ])('has the shape and the zeros of plain JavaScript: %j times %j', async (a, b) => {
    // What was in the memory before must not be taken for the product.
    tf.fill([4096], 7).dispose()
    await expectSame([values(a, 1), values(b, 2)], (x, y) => tf.matMul(x, y))
    await isUnharmed()
  })

  test('of which only one has batches has none either', async () => {
    // Plain JavaScript divides by the number of batches here, and answers undefined elements.
    const [{ shape, data }] = await on('wasm', [values([0, 3, 5], 1), values([1, 5, 4], 2)], (a, b) =>
      tf.matMul(a, b),
    )
    expect(shape).toEqual([0, 3, 4])
    expect(data).toHaveLength(0)
  })
})

describe('on the wasm engine, pictures smaller than the window', () => {
  test.each([
    ['3x3', [6, 2, 12, 8], [3, 3, 8, 8], 1, 'valid'],
    ['5x2, strides 2 and 3', [6, 3, 12, 6], [5, 2, 6, 8], [2, 3], 'valid'],
    ['1x1, no pictures', [0, 8, 8, 6], [1, 1, 6, 8], 1, 'same'],
    ['3x3, no pictures', [0, 8, 8, 4], [3, 3, 4, 8], 1, 'same'],
  ] as const)(
    'have an empty convolution, and gradients of zero: %s',
    async (_name, x, filter, stride, pad) => {
      const convolution = convolve(stride as number, pad)
      const { shape } = tf.tidy(() => convolution(tf.zeros([...x]), tf.zeros([...filter])))
      await expectSame([values(x, 1), values(filter, 2), values(shape, 3)], (a, b, dy) => {
        const { value, grads } = tf.valueAndGrads(convolution)([a, b], dy)
        return [value, ...grads]
      })
      await expectSame([values(x, 1), values(filter, 2)], (a, b) =>
        tf.fused.conv2d({
          x: a as tf.Tensor4D,
          filter: b as tf.Tensor4D,
          strides: stride as number,
          pad,
          activation: 'relu6',
        }),
      )
      await isUnharmed()
    },
  )

  test.each([
    ['one pixel', [2, 1, 1, 8]],
    ['no rows', [2, 0, 4, 8]],
    ['no pictures', [0, 4, 4, 8]],
  ])('have empty pools, and gradients of zero: %s', async (_name, shape) => {
    const { shape: dyShape } = tf.tidy(() => maxPool(2, 2, 'valid')(tf.zeros(shape)))
    await expectSame([values(shape, 1), values(dyShape, 2)], (x, dy) => {
      const { value, grad } = tf.valueAndGrad(maxPool(2, 2, 'valid'))(x, dy)
      return [value, grad, tf.avgPool(x as tf.Tensor4D, 2, 2, 'valid')]
    })
    await isUnharmed()
  })
})

describe('explicit padding on the wasm engine', () => {
  test.each([[[1, 0]], [[0, 1]], [[1, 1]], [[0, 0]]])(
    'moves the windows of a 2x2 pool and of its gradient: %j',
    async ([before, after]) => {
      const pad: Padding = [
        [0, 0],
        [before, after],
        [before, after],
        [0, 0],
      ]
      const pool = maxPool(2, 2, pad)
      const { shape } = tf.tidy(() => pool(tf.zeros([2, 6, 8, 4])))
      await expectSame([values([2, 6, 8, 4], 1), values(shape, 2)], (x, dy) => {
        const { value, grad } = tf.valueAndGrad(pool)(x, dy)
        return [value, grad]
      })
    },
  )

  const random = seededRandom(4)
  const below = (n: number) => Math.floor(random() * n)
  const drawn = Array.from({ length: 40 }, (_, seed) => {
    const kernel = seed % 2 === 0 ? [3, 3] : [1 + below(5), 1 + below(5)]
    const stride: [number, number] = seed % 2 === 0 ? [1, 1] : [1 + below(3), 1 + below(3)]
    const pad: Padding = [
      [0, 0],
      [below(4), below(4)],
      [below(4), below(4)],
      [0, 0],
    ]
    const size = [kernel[0] + below(8), kernel[1] + below(8)]
    return { seed, shape: [1 + below(6), ...size, 1 + below(9)], kernel, outputs: 1 + below(9), stride, pad }
  })
  test('of every side, strides that differ and channels of any number agree for a convolution and its gradients', async () => {
    for (const { seed, shape, kernel, outputs, stride, pad } of drawn) {
      const filter = [...kernel, shape[3], outputs]
      const convolution = convolve(stride, pad)
      const dyShape = tf.tidy(() => convolution(tf.zeros(shape), tf.zeros(filter)).shape)
      const inputs = [values(shape, seed), values(filter, seed + 100), values(dyShape, seed + 200)]
      await expectSame(inputs, (x, f, dy) => {
        const { value, grads } = tf.valueAndGrads(convolution)([x, f], dy)
        return [value, ...grads]
      })
    }
  })
})
