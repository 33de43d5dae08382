import { createHash } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { type Augmentation, NO_AUGMENTATION } from '../../../src/data/augmentation/augmentation.ts'
import { type ColourJitter, drawJitter, jitterColours } from '../../../src/data/augmentation/colour.ts'
import { drawErased } from '../../../src/data/augmentation/erasing.ts'
import { drawMixture, mixImages } from '../../../src/data/augmentation/mixup.ts'
import { drawResampling, resampleImage } from '../../../src/data/augmentation/resampling.ts'
import { type BatchOptions, epochBatches } from '../../../src/data/batches.ts'
import { Random } from '../../../src/random.ts'
import { allOf, inMemory } from '../../support/loaded-dataset.ts'

const SIDE = 8
const COUNT = 50
const split = inMemory({
  count: COUNT,
  imageShape: [SIDE, SIDE, 3],
  labels: Uint16Array.from({ length: COUNT }, (_, i) => i % 10),
  pixels: Uint8Array.from({ length: COUNT * SIDE * SIDE * 3 }, (_, at) => {
    const pixel = Math.floor(at / 3) % (SIDE * SIDE)
    return [1 + Math.floor(at / 3 / SIDE / SIDE), 1 + Math.floor(pixel / SIDE), 1 + (pixel % SIDE)][at % 3]
  }),
})
const OPTIONS: BatchOptions = {
  batchSize: 16,
  seed: 1,
  epoch: 2,
  shuffle: true,
  augmentation: NO_AUGMENTATION,
  normalization: { mean: [0.5, 0.4, 0.3], std: [0.5, 0.25, 0.2] },
}
const ALL: Augmentation = {
  horizontalFlip: true,
  cropPadding: 2,
  cutout: 2,
  rotation: 30,
  scale: 0.2,
  resizedCrop: 0.5,
  brightness: 0.4,
  contrast: 0.4,
  saturation: 0.4,
  hue: 0.1,
  erasing: 0.5,
  mixup: 0.3,
}
const batchesOf = (augmentation: Partial<Augmentation>, options: Partial<BatchOptions> = {}) =>
  allOf(
    epochBatches(split, { ...OPTIONS, ...options, augmentation: { ...NO_AUGMENTATION, ...augmentation } }),
  )
const times = <Value>(count: number, draw: (random: Random) => Value) =>
  Array.from({ length: count }, (_, i) => draw(new Random(7, i)))
const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length

describe('an epoch', () => {
  test.each([
    ['as they are', {}, '351a876a286a58b47ff87108a97d3e0a73247231df625d4c5ade8bef2d00d4d1'],
    [
      'mirrored, shifted and covered',
      { horizontalFlip: true, cropPadding: 4, cutout: 2 },
      'fc875e7d63b9025ae6d8519bee22b559b0dc300dbf40b37f0fabae9793cfa2ee',
    ],
  ])(
    'of images %s has the bytes that it had before there was anything else',
    async (_, augmentation, digest) => {
      const hash = createHash('sha256')
      for (const { x, y } of await batchesOf(augmentation, { skip: 1 })) {
        hash.update(new Uint8Array(x.buffer)).update(new Uint8Array(y.buffer))
      }
      expect(hash.digest('hex')).toBe(digest)
    },
  )

  test('with everything switched on depends on seed and epoch, and goes on the same after batches that are left out', async () => {
    const whole = await batchesOf(ALL)
    expect(await batchesOf(ALL)).toEqual(whole)
    expect(await batchesOf(ALL, { skip: 2 })).toEqual(whole.slice(2))
    for (const other of [{ seed: 2 }, { epoch: 3 }]) expect(await batchesOf(ALL, other)).not.toEqual(whole)
    for (const { x } of whole) expect(x.every(Number.isFinite)).toBe(true)
  })

  test('changes nothing else when one more change is switched on', async () => {
    const [plain, erased] = [
      await batchesOf({ ...ALL, mixup: 0, erasing: 0 }),
      await batchesOf({ ...ALL, mixup: 0 }),
    ]
    let same = 0
    let all = 0
    for (const [i, { x, y }] of erased.entries()) {
      expect(y).toEqual(plain[i]!.y)
      for (const [at, value] of x.entries()) same += Number(value === plain[i]!.x[at])
      all += x.length
    }
    // Half of the images, and of them 2 to 40 %.
    expect(same / all).toBeGreaterThan(0.75)
    expect(same / all).toBeLessThan(0.98)
  })
})

describe('a resampled image', () => {
  const [height, width] = [5, 7]
  const image = Uint8Array.from({ length: height * width * 3 }, (_, at) => (at * 37) % 251)
  const crop = { top: 0, left: 0, height, width }
  const resampled = (how: object, shift: object = {}, of = image, [h, w] = [height, width]) => {
    const target = new Float32Array(of.length)
    const still = { flip: false, down: 0, right: 0, ...shift }
    resampleImage(of, target, h, w, { crop, angle: 0, factor: 1, ...how }, still)
    return target
  }
  const at = (of: ArrayLike<number>, y: number, x: number, w = width) =>
    [0, 1, 2].map((c) => of[(y * w + x) * 3 + c])

  test('is the image where nothing is done, and mirrored and shifted as it is without sampling', () => {
    expect([...resampled({})]).toEqual([...image])
    const shifted = resampled({}, { flip: true, down: 1, right: 2 })
    expect(at(shifted, 0, 0)).toEqual([0, 0, 0])
    expect(at(shifted, 0, 2)).toEqual(at(image, 1, 6))
    expect(at(shifted, 4, 3)).toEqual([0, 0, 0])
  })

  test('turned by a quarter counter-clockwise has its right column as its top row, and black beyond', () => {
    const turned = resampled({ angle: Math.PI / 2 })
    // Of 5 x 7 pixels, the outer columns leave the image and come in black.
    for (let x = 1; x < 6; x++) {
      for (const [channel, value] of at(turned, 0, x).entries())
        expect(value).toBeCloseTo(at(image, x - 1, 5)[channel]!, 3)
    }
    for (let y = 0; y < height; y++) {
      expect(at(turned, y, 0)).toEqual([0, 0, 0])
      expect(at(turned, y, 6)).toEqual([0, 0, 0])
    }
  })

  test('is sampled between four pixels, by how near they are', () => {
    const angle = 0.3
    const turned = resampled({ angle, factor: 1.25 })
    const [y, x] = [1, 4]
    const [dy, dx] = [(y - 2) / 1.25, (x - 3) / 1.25]
    const fromX = 3 + Math.cos(angle) * dx - Math.sin(angle) * dy
    const fromY = 2 + Math.sin(angle) * dx + Math.cos(angle) * dy
    const [left, top] = [Math.floor(fromX), Math.floor(fromY)]
    for (let channel = 0; channel < 3; channel++) {
      let expected = 0
      for (const [row, column] of [
        [top, left],
        [top, left + 1],
        [top + 1, left],
        [top + 1, left + 1],
      ] as const) {
        const nearness = (1 - Math.abs(fromY - row)) * (1 - Math.abs(fromX - column))
        expected += nearness * at(image, row, column)[channel]!
      }
      expect(at(turned, y, x)[channel]).toBeCloseTo(expected, 3)
    }
  })

  test('cropped has the crop in the place of all of it, and nothing from beyond its edge', () => {
    const crop = { top: 1, left: 2, height: 2, width: 3 }
    const cropped = resampled({ crop })
    expect(at(cropped, 0, 0)).toEqual(at(image, 1, 2))
    expect(at(cropped, 4, 6)).toEqual(at(image, 2, 4))
    // The middle column is the middle of the crop: it lies halfway between two rows.
    const [above, below] = [at(image, 1, 3), at(image, 2, 3)]
    for (let c = 0; c < 3; c++) expect(at(cropped, 2, 3)[c]).toBeCloseTo((above[c]! + below[c]!) / 2, 3)
  })

  test('is drawn within its bounds: angles, factors, areas and ratios of crops', () => {
    const asked = { ...NO_AUGMENTATION, rotation: 30, scale: 0.2, resizedCrop: 0.25 }
    const drawn = times(2000, (random) => drawResampling(asked, 224, 224, random))
    const angles = drawn.map(({ angle }) => (angle * 180) / Math.PI)
    expect([Math.min(...angles), Math.max(...angles)].map(Math.round)).toEqual([-30, 30])
    // Six standard deviations of a mean.
    expect(Math.abs(mean(angles))).toBeLessThan((6 * 17.3) / Math.sqrt(2000))
    const factors = drawn.map(({ factor }) => factor)
    expect(Math.min(...factors)).toBeCloseTo(0.8, 2)
    expect(Math.max(...factors)).toBeCloseTo(1.2, 2)
    for (const { crop } of drawn) {
      const ratio = crop.width / crop.height
      expect(crop.width * crop.height).toBeGreaterThan(0.24 * 224 ** 2)
      if (crop.width < 224 || crop.height < 224)
        expect(Math.abs(Math.log(ratio))).toBeLessThan(Math.log(4 / 3) + 0.02)
      expect(crop.top + crop.height).toBeLessThanOrEqual(224)
      expect(crop.left + crop.width).toBeLessThanOrEqual(224)
    }
    expect(new Set(drawn.map(({ crop }) => crop.width > crop.height)).size).toBe(2)
  })
})

describe('colours', () => {
  const STILL: ColourJitter = { brightness: 1, contrast: 1, saturation: 1, hue: 0, order: [0, 1, 2, 3] }
  const jittered = (levels: number[], jitter: Partial<ColourJitter>) => {
    const image = Float32Array.from(levels)
    jitterColours(image, { ...STILL, ...jitter })
    return [...image].map((level) => Math.round(level * 100) / 100)
  }

  // By torchvision 0.14: adjust_brightness, adjust_contrast, adjust_saturation and adjust_hue of [[200, 40, 60], [10, 250, 100]].
  const PICTURE = [200, 40, 60, 10, 250, 100]
  test.each<[Partial<ColourJitter>, number[]]>([
    [{ brightness: 1.5 }, [255, 60, 90, 15, 255, 150]],
    [{ contrast: 0.5 }, [162.81, 82.81, 92.81, 67.81, 187.81, 112.81]],
    [{ contrast: 2 }, [255, 0, 0, 0, 255, 74.38]],
    [{ saturation: 0.25 }, [117.58, 77.58, 82.58, 123.35, 183.35, 145.85]],
    [{ saturation: 1.5 }, [254.95, 14.95, 44.95, 0, 255, 69.43]],
    [{ hue: 0.2 }, [188, 200, 40, 10, 112, 250]],
    [{ hue: -0.3 }, [52, 40, 200, 250, 148, 10]],
    [
      { hue: 0.1, contrast: 1.4, brightness: 0.7, saturation: 0.5, order: [3, 1, 0, 2] },
      [119.73, 78.57, 43.43, 62.56, 151.81, 151.81],
    ],
  ])('become what torchvision makes of them: %j', (jitter, expected) => {
    for (const [i, level] of jittered(PICTURE, jitter).entries()) expect(level).toBeCloseTo(expected[i]!, 1)
  })

  test('of a sixth of the circle go from red by yellow to green, and grey has none to turn', () => {
    expect(jittered([255, 0, 0, 90, 90, 90], { hue: 1 / 6 })).toEqual([255, 255, 0, 90, 90, 90])
    expect(jittered([255, 0, 0], { hue: 1 / 3 })).toEqual([0, 255, 0])
    expect(jittered([255, 0, 0], { hue: -1 / 3 })).toEqual([0, 0, 255])
    expect(jittered([255, 0, 0], { hue: 0.5 })).toEqual([0, 255, 255])
  })

  test('change by factors within their bounds, in any order', () => {
    const drawn = times(1000, (random) =>
      drawJitter({ ...NO_AUGMENTATION, brightness: 0.4, contrast: 1, hue: 0.1 }, random),
    )
    const range = (name: 'brightness' | 'contrast' | 'saturation' | 'hue') => {
      const values = drawn.map((jitter) => jitter[name])
      return [Math.min(...values), Math.max(...values)].map((value) => Math.round(value * 10) / 10)
    }
    expect(range('brightness')).toEqual([0.6, 1.4])
    expect(range('contrast')).toEqual([0, 2])
    expect(range('saturation')).toEqual([1, 1])
    expect(range('hue')).toEqual([-0.1, 0.1])
    expect(new Set(drawn.map(({ order }) => Array.from(order).join())).size).toBe(24)
  })
})

describe('erasing', () => {
  test('takes a rectangle of 2 to 40 % of the image, as often as it is asked to', () => {
    const drawn = times(4000, (random) => drawErased(0.3, 100, 100, random))
    const erased = drawn.filter((it) => it !== null)
    // Six standard deviations of 4,000 throws.
    expect(Math.abs(erased.length - 1200)).toBeLessThan(174)
    for (const { top, left, height, width } of erased) {
      expect(height * width).toBeGreaterThan(150)
      expect(height * width).toBeLessThan(4150)
      expect(height / width).toBeGreaterThan(0.25)
      expect(height / width).toBeLessThan(4)
      expect(Math.min(top, left, 100 - top - height, 100 - left - width)).toBeGreaterThanOrEqual(0)
    }
    expect(new Set(erased.map(({ height, width }) => height > width)).size).toBe(2)
    expect(times(50, (random) => drawErased(0, 100, 100, random)).every((it) => it === null)).toBe(true)
  })

  test('leaves noise of all levels there, and the image everywhere else', async () => {
    const [plain, erased] = [await batchesOf({}), await batchesOf({ erasing: 1 })]
    const noise: number[] = []
    for (const [i, { x }] of erased.entries()) {
      for (const [at, value] of x.entries()) if (value !== plain[i]!.x[at] && at % 3 === 0) noise.push(value)
    }
    // Red: (level / 255 - 0.5) / 0.5 is spread from -1 to 1.
    expect(Math.abs(mean(noise))).toBeLessThan(0.15)
    expect(Math.min(...noise)).toBeLessThan(-0.95)
    expect(Math.max(...noise)).toBeGreaterThan(0.95)
  })
})

describe('mixup', () => {
  test('blends each image with its partner, and says whose label has which share', async () => {
    const [plain, mixed] = [await batchesOf({}), await batchesOf({ mixup: 1 })]
    const length = SIDE * SIDE * 3
    const shares = new Set<number>()
    for (const [i, batch] of mixed.entries()) {
      const { x, y, size } = plain[i]!
      expect(batch.y).toEqual(y)
      const { partners, share } = drawMixture(1, size, new Random(1, 2, 6, i * 16))
      expect(batch.mixed).toEqual({ share, y: y.map((_, k) => y[partners[k]!]!) })
      shares.add(share)
      const expected = Float32Array.from(x, (value, at) => {
        const partner = partners[Math.floor(at / length)]!
        return share * value + (1 - share) * x[partner * length + (at % length)]!
      })
      for (const [at, value] of batch.x.entries()) expect(Math.abs(value - expected[at]!)).toBeLessThan(1e-6)
    }
    expect(shares.size).toBe(mixed.length)
    expect(plain[0]).not.toHaveProperty('mixed')
  })

  test.each([0.05, 0.2, 1, 4])('draws shares from Beta(%d, %d)', (alpha) => {
    const shares = times(4000, (random) => drawMixture(alpha, 4, random).share)
    expect(shares.every((share) => share >= 0.5 && share <= 1)).toBe(true)
    // Around a half, the larger share spreads as the first one does: by 1 / (4 (2 alpha + 1)).
    const variance = mean(shares.map((share) => (share - 0.5) ** 2))
    expect(variance).toBeCloseTo(1 / (4 * (2 * alpha + 1)), 2)
  })

  test('in place is the same around circles of partners of any length', () => {
    const x = Float32Array.of(1, 10, 100, 1000, 10_000)
    const partners = Uint32Array.of(2, 4, 3, 0, 1)
    const mixed = x.slice()
    mixImages(mixed, 1, { partners, share: 0.75 })
    expect([...mixed]).toEqual(Array.from(x, (value, i) => 0.75 * value + 0.25 * x[partners[i]!]!))
  })
})
