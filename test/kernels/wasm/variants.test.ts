import * as tf from '@tensorflow/tfjs'
import { beforeAll, describe, test } from 'vitest'
import { selectEngine } from '../../../src/engine/select.ts'
import { expectSame, values } from './support.ts'

/** The arguments beside those that training uses: kernels that take over some cases must leave the others right. */
beforeAll(async () => {
  await selectEngine('wasm')
})

const maxPool = (x: tf.Tensor): tf.Tensor => tf.maxPool(x as tf.Tensor4D, 2, 2, 'valid')

describe('on the wasm engine', () => {
  const flags = [false, true]
  test.each([
    [3, 3],
    [3, 1],
    [1, 3],
    [1, 1],
  ])('products of %i by %i matrices agree in every transposition', async (first, second) => {
    for (const ta of flags)
      for (const tb of flags)
        for (const [m, k, n] of [
          [9, 12, 8],
          [1, 5, 3],
          [17, 3, 33],
        ]) {
          const a = values([first, ...(ta ? [k, m] : [m, k])], 1)
          const b = values([second, ...(tb ? [n, k] : [k, n])], 2)
          await expectSame([a, b], (x, y) => tf.matMul(x, y, ta, tb))
        }
  })

  test.each(['linear', 'relu', 'sigmoid'] as const)(
    'every one of several products gets the bias: %s',
    async (activation) => {
      await expectSame([values([3, 9, 13], 1), values([3, 13, 10], 2), values([10], 3)], (a, b, bias) => [
        tf.fused.matMul({ a, b, bias, activation }),
        tf.fused.matMul({ a, b, activation }),
      ])
    },
  )

  test('a window of equal largest values gives its gradient to the same one as in plain JavaScript', async () => {
    const x = values([2, 4, 6, 8], 3)
    const ties = { ...x, data: x.data.map(Math.round) }
    for (const input of [ties, { ...x, data: x.data.fill(0) }])
      await expectSame([input, values([2, 2, 3, 8], 2)], (a, dy) => tf.grad(maxPool)(a, dy))
  })

  test.each([[undefined], [[]], [0], [[-1]], [[0, 2]], [[-3, -2]], [[0, 1, 2]]])(
    'the gradients of a sum and of a mean over %j agree',
    async (axes) => {
      for (const reduce of [tf.sum, tf.mean])
        await expectSame([values([4, 6, 8], 1)], (x) => tf.grad((v) => reduce(v, axes).square().sum())(x))
    },
  )

  test('sums and means of integers and of truth values have the type and the value of plain JavaScript', async () => {
    for (const type of ['int32', 'bool'] as const)
      await expectSame([values([6, 8], 1)], (x) => {
        const typed = x.mul(3).cast(type)
        return [tf.sum(typed, 0), tf.mean(typed, 0), tf.tile(typed, [2, 1]), typed.clone()]
      })
  })

  test('arrays of inputs and of outputs pass through', async () => {
    await expectSame([values([6, 10], 1), values([6, 10], 2)], (a, b) => [
      tf.concat([a, b], 0),
      tf.concat([a.toInt(), b.toInt()], 1),
      tf.stack([a, b]),
      tf.addN([a, b, a]),
      ...tf.split(a, 2, 1),
    ])
  })
})

describe('casts on the wasm engine', () => {
  test('from and to every type are those of plain JavaScript', async () => {
    const mixed = { shape: [7], data: new Float32Array([0, 1, -1, 0.5, 2, 256, -0.25]) }
    const types = ['float32', 'int32', 'bool'] as const
    for (const from of types)
      for (const to of types) await expectSame([mixed], (x) => tf.cast(tf.cast(x, from), to))
  })
})

describe('gradients that only plain JavaScript has', () => {
  test('run there: of a dilated convolution, and of pictures that lie channels first', async () => {
    const [x, filter, dy] = [values([2, 4, 9, 8], 1), values([3, 3, 4, 5], 2), values([2, 5, 9, 8], 3)]
    const attributes = { strides: [1, 1], pad: 'same', dataFormat: 'NCHW', dimRoundingMode: undefined }
    await expectSame([x, filter, dy], (a, b, c) => [
      tf.engine().runKernel('Conv2DBackpropFilter', { x: a, dy: c }, {
        ...attributes,
        filterShape: filter.shape,
      } as never) as tf.Tensor,
      tf.engine().runKernel('Conv2DBackpropInput', { dy: c, filter: b }, {
        ...attributes,
        inputShape: x.shape,
      } as never) as tf.Tensor,
    ])
    await expectSame([values([2, 12, 11, 4], 1), filter], (a, b) =>
      tf.conv2d(a as tf.Tensor4D, b as tf.Tensor4D, 1, 'same', 'NHWC', 2),
    )
  })
})
