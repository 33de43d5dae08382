import { describe, expect, test } from 'vitest'
import { NO_AUGMENTATION as NONE } from '../../../src/data/augmentation/augmentation.ts'
import { type BatchOptions, epochBatches } from '../../../src/data/batches.ts'
import { allOf, inMemory } from '../../support/loaded-dataset.ts'

const SIDE = 8
const COUNT = 50
const PIXELS = SIDE * SIDE

/** Every value says where it stands: red is the image, green the row, blue the column; none of them is 0. */
const split = inMemory({
  count: COUNT,
  imageShape: [SIDE, SIDE, 3],
  labels: Uint16Array.from({ length: COUNT }, (_, i) => i % 10),
  pixels: Uint8Array.from({ length: COUNT * PIXELS * 3 }, (_, at) => {
    const pixel = Math.floor(at / 3) % PIXELS
    return [1 + Math.floor(at / 3 / PIXELS), 1 + Math.floor(pixel / SIDE), 1 + (pixel % SIDE)][at % 3]
  }),
})

const OPTIONS: BatchOptions = {
  batchSize: 16,
  seed: 1,
  epoch: 0,
  shuffle: true,
  augmentation: NONE,
  // Leaves the values as they are, but for 1 / 255.
  normalization: { mean: [0, 0, 0], std: [1 / 255, 1 / 255, 1 / 255] },
}

interface Seen {
  /** Number of the image in the split. */
  image: number
  label: number
  /** [height][width][channel], as the network gets it, rounded. */
  value(y: number, x: number, channel: number): number
}

const batchesOf = (options: Partial<BatchOptions> = {}) =>
  allOf(epochBatches(split, { ...OPTIONS, ...options }))

async function imagesOf(options: Partial<BatchOptions> = {}): Promise<Seen[]> {
  return (await batchesOf(options)).flatMap(({ x, y, size }) =>
    Array.from({ length: size }, (_, i) => {
      const value = (row: number, column: number, channel: number) =>
        Math.round(x[(i * PIXELS + row * SIDE + column) * 3 + channel])
      let image = 0
      for (let pixel = 0; pixel < PIXELS; pixel++) image ||= value(Math.floor(pixel / SIDE), pixel % SIDE, 0)
      return { image: image - 1, label: y[i], value }
    }),
  )
}

const orderOf = async (options: Partial<BatchOptions> = {}) =>
  (await imagesOf(options)).map(({ image }) => image)
const ALL = Array.from({ length: COUNT }, (_, i) => i)

describe('an epoch', () => {
  test('has each image once, with its label, and a short last batch', async () => {
    const images = await imagesOf()
    expect(images.map(({ image }) => image).sort((a, b) => a - b)).toEqual(ALL)
    for (const { image, label } of images) expect(label).toBe(image % 10)
    expect((await batchesOf()).map(({ size }) => size)).toEqual([16, 16, 16, 2])
  })

  test('is in order without shuffling, and in an order of its own for each seed and epoch with it', async () => {
    expect(await orderOf({ shuffle: false })).toEqual(ALL)
    const orders = [await orderOf(), await orderOf({ epoch: 1 }), await orderOf({ seed: 2 }), ALL]
    expect(new Set(orders.map(String)).size).toBe(4)
    expect(await orderOf()).toEqual(orders[0])
  })

  test('takes only the first images of the split when it is limited, and never more than there are', async () => {
    expect((await orderOf({ limit: 20 })).sort((a, b) => a - b)).toEqual(ALL.slice(0, 20))
    expect(await orderOf({ limit: 1000 })).toHaveLength(COUNT)
  })

  test('keeps its order when augmentation is switched on', async () => {
    expect(
      await orderOf({ augmentation: { ...NONE, horizontalFlip: true, cropPadding: 2, cutout: 3 } }),
    ).toEqual(await orderOf())
  })
})

test('a pixel v becomes (v / 255 - mean) / std of its channel', async () => {
  const normalization: BatchOptions['normalization'] = { mean: [0.5, 0.4, 0.3], std: [0.5, 0.25, 0.2] }
  const [{ x }] = await batchesOf({ shuffle: false, normalization })
  for (let channel = 0; channel < 3; channel++) {
    const { mean, std } = normalization
    expect(x[channel]).toBeCloseTo((split.pixels[channel] / 255 - mean[channel]) / std[channel], 6)
  }
})

describe('augmentation', () => {
  test('mirrors about half of the images and leaves the others alone', async () => {
    const epochs = ALL.map((epoch) => imagesOf({ epoch, augmentation: { ...NONE, horizontalFlip: true } }))
    const mirrored = (await Promise.all(epochs)).flat()
    let flips = 0
    for (const { value } of mirrored) {
      const flipped = value(0, 0, 2) === SIDE
      if (flipped) flips += 1
      for (let x = 0; x < SIDE; x++) expect(value(3, x, 2)).toBe(flipped ? SIDE - x : x + 1)
    }
    // 2,500 throws of a coin: 150 is six standard deviations.
    expect(Math.abs(flips - mirrored.length / 2)).toBeLessThan(150)
  })

  test('shifts an image by up to the padding in both directions, and black comes in', async () => {
    const shifts = new Map<string, number>()
    for (const epoch of ALL) {
      for (const { value, image } of await imagesOf({ epoch, augmentation: { ...NONE, cropPadding: 2 } })) {
        const [down, right] = [value(4, 4, 1) - 5, value(4, 4, 2) - 5]
        shifts.set(`${down},${right}`, (shifts.get(`${down},${right}`) ?? 0) + 1)
        const wrong = ALL_PIXELS.filter(([y, x]) => {
          const [fromY, fromX] = [y + down, x + right]
          const inside = fromY >= 0 && fromY < SIDE && fromX >= 0 && fromX < SIDE
          const expected = inside ? [image + 1, fromY + 1, fromX + 1] : [0, 0, 0]
          return expected.some((level, channel) => value(y, x, channel) !== level)
        })
        expect(wrong).toEqual([])
      }
    }
    // 25 shifts, 100 times each on average: 60 is six standard deviations.
    expect(shifts.size).toBe(25)
    for (const times of shifts.values()) expect(Math.abs(times - 100)).toBeLessThan(60)
  })

  test('pads with the black of the picture and not with the mean', async () => {
    const normalization: BatchOptions['normalization'] = { mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] }
    const batches = await batchesOf({ normalization, augmentation: { ...NONE, cropPadding: 4 } })
    const darkest = batches.reduce((least, { x }) => x.reduce((a, b) => Math.min(a, b), least), 0)
    expect(darkest).toBe(-1)
  })

  test('lays a square of the mean colour over the image, cut at its edges', async () => {
    for (const { value, image } of await imagesOf({ augmentation: { ...NONE, cutout: 4 } })) {
      const covered = ALL_PIXELS.filter(([y, x]) => value(y, x, 0) === 0)
      const rows = new Set(covered.map(([y]) => y)).size
      const columns = new Set(covered.map(([, x]) => x)).size
      expect(covered).toHaveLength(rows * columns)
      expect([rows, columns].every((side) => side >= 2 && side <= 4)).toBe(true)
      for (const [y, x] of ALL_PIXELS) expect([0, image + 1]).toContain(value(y, x, 0))
    }
  })

  test('is the same for the same seed and epoch, and another one in the next epoch', async () => {
    const augmentation = { ...NONE, horizontalFlip: true, cropPadding: 4, cutout: 2 }
    const pixelsOf = async (epoch: number) =>
      (await batchesOf({ shuffle: false, epoch, augmentation })).map(({ x }) => [...x])
    expect(await pixelsOf(3)).toEqual(await pixelsOf(3))
    expect(await pixelsOf(3)).not.toEqual(await pixelsOf(4))
  })
})

const ALL_PIXELS = Array.from({ length: PIXELS }, (_, i) => [Math.floor(i / SIDE), i % SIDE] as const)
