import * as tf from '@tensorflow/tfjs'
import { beforeAll, describe, test } from 'vitest'
import { selectEngine } from '../../../src/engine/select.ts'
import { seededRandom } from '../../support/random.ts'
import { expectSame, values } from './support.ts'

beforeAll(async () => {
  await selectEngine('wasm')
})

interface Case {
  batch: number
  height: number
  width: number
  kernel: [number, number]
  channels: [number, number]
  stride: number
  pad: 'same' | 'valid' | number
}

const nameOf = ({ batch, height, width, kernel, channels, stride, pad }: Case) =>
  `${batch}x${height}x${width}, ${kernel.join('x')} from ${channels.join(' to ')} channels, stride ${stride}, ${pad}`

/** 3x3 convolutions of VGG and their borders: odd sizes, odd channels, fewer pixels than a tile, several blocks. */
const CHOSEN: Case[] = [
  { batch: 4, height: 32, width: 32, kernel: [3, 3], channels: [3, 32], stride: 1, pad: 'same' },
  { batch: 2, height: 16, width: 16, kernel: [3, 3], channels: [32, 64], stride: 1, pad: 'same' },
  { batch: 3, height: 8, width: 8, kernel: [3, 3], channels: [64, 64], stride: 1, pad: 'same' },
  { batch: 2, height: 7, width: 9, kernel: [3, 3], channels: [5, 7], stride: 1, pad: 'same' },
  { batch: 6, height: 4, width: 4, kernel: [3, 3], channels: [12, 20], stride: 1, pad: 'same' },
  { batch: 9, height: 2, width: 2, kernel: [3, 3], channels: [8, 8], stride: 1, pad: 'same' },
  { batch: 1, height: 33, width: 18, kernel: [3, 3], channels: [6, 10], stride: 1, pad: 'valid' },
  { batch: 2, height: 8, width: 8, kernel: [3, 3], channels: [4, 8], stride: 1, pad: 2 },
  { batch: 3, height: 10, width: 10, kernel: [1, 1], channels: [9, 13], stride: 1, pad: 'same' },
]

/** Any other convolution. */
const random = seededRandom(2026)
const upTo = (n: number) => 1 + Math.floor(random() * n)
const DRAWN = Array.from({ length: 60 }, (): Case => {
  const kernel: Case['kernel'] = [upTo(5), upTo(5)]
  return {
    batch: upTo(5),
    height: kernel[0] + upTo(9),
    width: kernel[1] + upTo(9),
    kernel,
    channels: [upTo(10), upTo(10)],
    stride: upTo(2),
    pad: random() < 0.5 ? 'same' : 'valid',
  }
})

const ALL = [...CHOSEN, ...DRAWN].map((it, seed) => [nameOf(it), it, seed] as const)

describe('a convolution on the wasm engine', () => {
  test.each(ALL)(
    'agrees with plain JavaScript, and so do both its gradients: %s',
    async (_name, it, seed) => {
      const { batch, height, width, kernel, channels, stride, pad } = it
      const x = values([batch, height, width, channels[0]], seed)
      const filter = values([...kernel, ...channels], seed + 1000)
      const convolve = (a: tf.Tensor, b: tf.Tensor): tf.Tensor =>
        tf.conv2d(a as tf.Tensor4D, b as tf.Tensor4D, stride, pad)
      const shape = tf.tidy(() => convolve(tf.zeros(x.shape), tf.zeros(filter.shape)).shape)
      await expectSame([x, filter, values(shape, seed + 2000)], (a, b, dy) => {
        const { value, grads } = tf.valueAndGrads(convolve)([a, b], dy)
        return [value, ...grads]
      })
    },
  )

  test.each(CHOSEN.map((it, seed) => [nameOf(it), it, seed] as const))(
    'fused with bias and ReLU agrees as well: %s',
    async (_name, { batch, height, width, kernel, channels, stride, pad }, seed) => {
      const x = values([batch, height, width, channels[0]], seed)
      const filter = values([...kernel, ...channels], seed + 1)
      for (const activation of ['linear', 'relu', 'relu6'] as const) {
        await expectSame([x, filter, values([channels[1]], seed + 2)], (a, b, bias) =>
          tf.fused.conv2d({
            x: a as tf.Tensor4D,
            filter: b as tf.Tensor4D,
            strides: stride,
            pad,
            bias,
            activation,
          }),
        )
      }
    },
  )

  test('keeps its accuracy where the algorithm is weakest: many channels, values that do not cancel', async () => {
    const positive = ({ shape, data }: ReturnType<typeof values>) => ({ shape, data: data.map(Math.abs) })
    const x = positive(values([1, 8, 8, 256], 1))
    const filter = positive(values([3, 3, 256, 16], 2))
    await expectSame([x, filter], (a, b) => tf.conv2d(a as tf.Tensor4D, b as tf.Tensor4D, 1, 'same'))
  })
})
