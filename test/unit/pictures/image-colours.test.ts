import sharp from 'sharp'
import { describe, expect, test } from 'vitest'
import { greyProfile, rgbProfile } from '../../../src/pictures/icc-profile.ts'
import { prepareImage } from '../../../src/pictures/image.ts'
import { iccChunk, pngFile, type TiffKind, tiffFile } from '../../support/images.ts'

const SIDE = 16

/** The colour of a picture that has only one, as the network gets it. */
async function seen(bytes: Uint8Array): Promise<number[]> {
  const { pixels } = await prepareImage(bytes, [SIDE, SIDE])
  const colour = [...pixels.subarray(0, 3)]
  for (let at = 0; at < pixels.length; at += 3) expect([...pixels.subarray(at, at + 3)]).toEqual(colour)
  return colour
}

async function expectSeen(bytes: Uint8Array, colour: readonly number[], within = 1): Promise<void> {
  const got = await seen(bytes)
  const off = Math.max(...got.map((value, k) => Math.abs(value - colour[k]!)))
  expect(off, `${got} in place of ${colour}`).toBeLessThanOrEqual(within)
}

/** Each from 0 for none to 1 for all of it, in a number of `bits`. */
function samplesOf(values: number[], bits: number, format: number, bigEndian: boolean): Buffer {
  const bytes = bits / 8
  const one = Buffer.alloc(values.length * bytes)
  for (const [k, value] of values.entries()) {
    const at = k * bytes
    if (format === 3 && bits === 32) bigEndian ? one.writeFloatBE(value, at) : one.writeFloatLE(value, at)
    else {
      const number = format === 3 ? halfOf(value) : Math.round(value * (2 ** bits - 1))
      bigEndian ? one.writeUIntBE(number, at, bytes) : one.writeUIntLE(number, at, bytes)
    }
  }
  return Buffer.concat(Array<Buffer>(SIDE * SIDE).fill(one))
}

/** A normal half-precision number, rounded down. */
function halfOf(value: number): number {
  if (value === 0) return 0
  const exponent = Math.floor(Math.log2(value))
  return ((exponent + 15) << 10) | Math.floor((value / 2 ** exponent - 1) * 1024)
}

const DEPTHS = {
  '8 bits': { bits: 8, format: 1 },
  '16 bits': { bits: 16, format: 1 },
  '32 bits': { bits: 32, format: 1 },
  'half floats': { bits: 16, format: 3 },
  floats: { bits: 32, format: 3 },
}

type Depth = (typeof DEPTHS)[keyof typeof DEPTHS]

/** A TIFF of one colour: the samples of a pixel, each from 0 to 255. */
function tiffOf(pixel: number[], depth: Depth, kind: Omit<TiffKind, 'samples' | 'bits' | 'format'>): Buffer {
  const values = pixel.map((value) => value / 255)
  const pixels = samplesOf(values, depth.bits, depth.format, kind.bigEndian ?? false)
  return tiffFile(SIDE, SIDE, { ...kind, ...depth, samples: pixel.length }, pixels)
}

function pngOf(pixel: number[], bits: 8 | 16, chunks: [string, Uint8Array][] = []): Buffer {
  const colourType = ([0, 4, 2, 6] as const)[pixel.length - 1]!
  const rows = samplesOf(
    pixel.map((value) => value / 255),
    bits,
    1,
    true,
  )
  return pngFile(SIDE, SIDE, { colourType, bits, chunks }, rows)
}

const toLight = (value: number) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4)
const D65 = [0.3127, 0.329] as [number, number]
const SRGB = { red: [0.64, 0.33], green: [0.3, 0.6], blue: [0.15, 0.06], white: D65 } satisfies Parameters<
  typeof rgbProfile
>[0]
const P3 = { ...SRGB, red: [0.68, 0.32], green: [0.265, 0.69] } satisfies typeof SRGB
const ADOBE = { ...SRGB, green: [0.21, 0.71] } satisfies typeof SRGB

const BROKEN = Buffer.from('This is no profile. '.repeat(20))
const LINEAR_GREY = greyProfile((value) => value)
const LINEAR = rgbProfile(SRGB, (value) => value)

/** What the profiles make of a colour, by their formulas. */
const PROFILES: [name: string, icc: Uint8Array, from: number[], to: number[]][] = [
  ['sRGB', rgbProfile(SRGB, toLight), [200, 100, 50], [200, 100, 50]],
  ['Display P3', rgbProfile(P3, toLight), [200, 100, 50], [215, 93, 31]],
  ['Adobe RGB', rgbProfile(ADOBE, (value) => value ** 2.2), [200, 100, 50], [227, 100, 44]],
  ['linear light', LINEAR, [255, 78, 1], [255, 150, 13]],
  ['a broken one', BROKEN, [200, 100, 50], [200, 100, 50]],
  ['one for greys', LINEAR_GREY, [200, 100, 50], [200, 100, 50]],
]

describe('a picture with a profile', () => {
  test.each(PROFILES)('has the colours of %s at every depth', async (_name, icc, from, to) => {
    for (const depth of Object.values(DEPTHS))
      await expectSeen(tiffOf(from, depth, { photometric: 2, icc }), to, 2)
    for (const bits of [8, 16] as const) {
      await expectSeen(pngOf(from, bits, [iccChunk(icc)]), to, 2)
      const half = to.map((value) => (value * 128 + 255 * 127) / 255)
      await expectSeen(pngOf([...from, 128], bits, [iccChunk(icc)]), half, 2)
    }
  })

  test('has the colours of its profile as JPEG, as WebP and as AVIF of 8, 10 and 12 bits', async () => {
    const [, icc, from, to] = PROFILES[1]!
    const picture = (depth: Depth) => sharp(tiffOf(from, depth, { photometric: 2, icc })).keepIccProfile()
    const eight = picture(DEPTHS['8 bits'])
    await expectSeen(await eight.clone().jpeg({ quality: 100 }).toBuffer(), to, 2)
    await expectSeen(await eight.clone().webp({ lossless: true }).toBuffer(), to, 2)
    await expectSeen(await eight.clone().avif({ lossless: true, effort: 0 }).toBuffer(), to, 2)
    for (const bitdepth of [10, 12] as const) {
      const deep = picture(DEPTHS['16 bits']).toColourspace('rgb16')
      await expectSeen(await deep.avif({ lossless: true, effort: 0, bitdepth }).toBuffer(), to, 2)
    }
  })

  test.each([
    ['gamma 1', greyProfile((value) => value), 137],
    ['gamma 1.8', greyProfile((value) => value ** 1.8), 81],
    ['gamma 2.2', greyProfile((value) => value ** 2.2), 62],
    ['a broken one', BROKEN, 64],
    ['one for colours', LINEAR, 64],
  ])('has the greys of %s at every depth', async (_name, icc, grey) => {
    const colour = [grey, grey, grey]
    for (const depth of Object.values(DEPTHS)) {
      await expectSeen(tiffOf([64], depth, { photometric: 1, icc }), colour)
      await expectSeen(tiffOf([255 - 64], depth, { photometric: 0, icc }), colour)
    }
    for (const bits of [8, 16] as const) await expectSeen(pngOf([64], bits, [iccChunk(icc)]), colour)
  })

  test('keeps what 16 bits of linear light hold in the dark', async () => {
    // 0.002 of white is 6.6 of 255 in sRGB; as one of 256 levels it would be none.
    const dark = 0.002 * 255
    await expectSeen(pngOf([dark, dark, dark], 16, [iccChunk(LINEAR)]), [6, 6, 6])
  })

  test('of CMYK is the same in 8 and in 16 bits', async () => {
    for (const pixel of [
      [0, 255, 255, 0],
      [200, 30, 60, 20],
    ]) {
      const eight = await seen(tiffOf(pixel, DEPTHS['8 bits'], { photometric: 5 }))
      await expectSeen(tiffOf(pixel, DEPTHS['16 bits'], { photometric: 5 }), eight)
    }
  })

  test('is turned upright after its colours were converted', async () => {
    const left = Buffer.alloc(SIDE * SIDE * 12)
    for (let at = 0; at < SIDE * SIDE; at++) if (at % SIDE < SIDE / 2) left.writeFloatLE(1, at * 12)
    // Upright, the left half lies above (orientation 6).
    const kind = {
      photometric: 2,
      samples: 3,
      ...DEPTHS.floats,
      orientation: 6,
      icc: rgbProfile(P3, toLight),
    }
    const { pixels } = await prepareImage(tiffFile(SIDE, SIDE, kind, left), [SIDE, SIDE])
    expect([...pixels.subarray(3 * 8, 3 * 8 + 3)]).toEqual([255, 0, 0])
    expect([...pixels.subarray(-3)]).toEqual([0, 0, 0])
  })
})

describe('a picture that tells its colours without a profile', () => {
  const u32 = (...values: number[]) => {
    const data = Buffer.alloc(4 * values.length)
    for (const [k, value] of values.entries()) data.writeUInt32BE(value, 4 * k)
    return data
  }
  const p3 = u32(31270, 32900, 68000, 32000, 26500, 69000, 15000, 6000)
  const srgb = u32(31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000)
  const from = [200, 100, 50]
  const p3Seen = [215, 93, 31]

  test.each([
    ['gAMA for linear light', [['gAMA', u32(100_000)]], [64, 64, 64], [137, 137, 137]],
    ['gAMA that means sRGB', [['gAMA', u32(45_455)]], from, from],
    [
      'gAMA beside sRGB, which counts',
      [
        ['gAMA', u32(100_000)],
        ['sRGB', Buffer.of(0)],
      ],
      from,
      from,
    ],
    ['gAMA of nothing', [['gAMA', u32(0)]], from, from],
    [
      'cHRM of sRGB',
      [
        ['gAMA', u32(45_455)],
        ['cHRM', srgb],
      ],
      from,
      from,
    ],
    [
      'cHRM of Display P3',
      [
        ['gAMA', u32(45_455)],
        ['cHRM', p3],
      ],
      from,
      p3Seen,
    ],
    ['cICP of Display P3', [['cICP', Buffer.of(12, 13, 0, 1)]], from, p3Seen],
    ['cICP of sRGB', [['cICP', Buffer.of(1, 13, 0, 1)]], from, from],
    [
      'cICP beside a profile, before which it goes',
      [['cICP', Buffer.of(12, 13, 0, 1)], iccChunk(LINEAR)],
      from,
      p3Seen,
    ],
    [
      'cICP of hybrid log-gamma, whose 75 % are white',
      [['cICP', Buffer.of(9, 18, 0, 1)]],
      [192, 192, 192],
      [255, 255, 255],
    ],
  ] as [string, [string, Uint8Array][], number[], number[]][])(
    'is a PNG with %s, in 8 and 16 bits',
    async (_name, chunks, pixel, colour) => {
      for (const bits of [8, 16] as const) await expectSeen(pngOf(pixel, bits, chunks), colour)
    },
  )

  test('is a grey PNG with gAMA', async () => {
    for (const bits of [8, 16] as const)
      await expectSeen(pngOf([64], bits, [['gAMA', u32(100_000)]]), [137, 137, 137])
  })

  test('is an AVIF of 8 or 10 bits with code points', async () => {
    for (const bitdepth of [8, 10] as const) {
      const picture = sharp(tiffOf(from, DEPTHS['16 bits'], { photometric: 2 })).toColourspace(
        bitdepth === 8 ? 'srgb' : 'rgb16',
      )
      const avif = await picture.avif({ lossless: true, effort: 0, bitdepth }).toBuffer()
      const at = avif.indexOf('colrnclx')
      expect(at).toBeGreaterThan(0)
      await expectSeen(avif, from)
      avif.writeUInt16BE(12, at + 8)
      await expectSeen(avif, p3Seen)
    }
  })
})

describe('a TIFF with channels beside its colours', () => {
  const half = [255, 127, 127]
  const cases: [
    name: string,
    photometric: number,
    pixel: number[],
    extraSamples: number[] | undefined,
    number[],
  ][] = [
    ['one of no stated meaning is left out', 2, [255, 0, 0, 0], [0], [255, 0, 0]],
    ['one that is not spoken of is left out', 2, [255, 0, 0, 0], undefined, [255, 0, 0]],
    ['three spot colours are left out', 2, [255, 0, 0, 1, 2, 3], [0, 0, 0], [255, 0, 0]],
    ['alpha lets the paper through', 2, [255, 0, 0, 128], [2], half],
    ['alpha that the colours are multiplied by lets the paper through', 2, [128, 0, 0, 128], [1], half],
    ['alpha before a mask is alpha', 2, [255, 0, 0, 128, 0], [2, 0], half],
    ['alpha behind a mask is alpha', 2, [255, 0, 0, 0, 128], [0, 2], half],
    ['multiplied alpha before a mask is alpha', 2, [128, 0, 0, 128, 9], [1, 0], half],
    ['a mask beside grey is left out', 1, [64, 0], [0], [64, 64, 64]],
    ['three masks beside grey are left out', 1, [64, 0, 1, 2], [0, 0, 0], [64, 64, 64]],
    ['a mask beside grey whose white is 0 is left out', 0, [191, 0], [0], [64, 64, 64]],
    ['alpha beside grey lets the paper through', 1, [64, 128], [2], [159, 159, 159]],
    ['alpha behind a mask beside grey lets the paper through', 1, [64, 0, 128], [0, 2], [159, 159, 159]],
  ]
  test.each(cases)(
    '%s, at every depth, in strips and tiles',
    async (_name, photometric, pixel, extraSamples, colour) => {
      for (const depth of Object.values(DEPTHS)) {
        const kind = { photometric, ...(extraSamples && { extraSamples }) }
        await expectSeen(tiffOf(pixel, depth, kind), colour)
        await expectSeen(tiffOf(pixel, depth, { ...kind, tile: 16, bigEndian: true }), colour)
      }
    },
  )

  test('is CMYK with masks, with alpha, and with both', async () => {
    for (const depth of [DEPTHS['8 bits'], DEPTHS['16 bits']]) {
      const ink = [0, 255, 255, 0]
      const colour = await seen(tiffOf(ink, depth, { photometric: 5 }))
      const pale = colour.map((value) => (value + 255) / 2)
      const withExtra = (extra: number[], extraSamples: number[]) =>
        tiffOf([...ink, ...extra], depth, { photometric: 5, extraSamples })
      await expectSeen(withExtra([0], [0]), colour)
      await expectSeen(withExtra([128], [2]), pale)
      await expectSeen(withExtra([128, 0], [2, 0]), pale)
    }
  })
})

describe('a TIFF of another kind', () => {
  test('has greys and palettes of 1, 2 and 4 bits', async () => {
    for (const [bits, grey] of [
      [1, 255],
      [2, 170],
      [4, 170],
    ] as const) {
      const [full, packed] = [0xff, 0xaa]
      const pixels = Buffer.alloc((SIDE * SIDE * bits) / 8, bits === 1 ? full : packed)
      const file = (photometric: number, tags?: TiffKind['tags']) =>
        tiffFile(SIDE, SIDE, { photometric, samples: 1, bits, ...(tags && { tags }) }, pixels)
      await expectSeen(file(1), [grey, grey, grey])
      await expectSeen(file(0), [255 - grey, 255 - grey, 255 - grey])
      // 16-bit red, green and blue of every index: all is 200, 100, 50.
      const map = [200, 100, 50].flatMap((value) => Array<number>(2 ** bits).fill(value * 257))
      await expectSeen(file(3, [[320, 3, map]]), [200, 100, 50])
    }
  })

  test("has Y'CbCr that is neither subsampled nor compressed", async () => {
    const tags: TiffKind['tags'] = [[530, 3, [1, 1]]]
    await expectSeen(tiffOf([76, 85, 255], DEPTHS['8 bits'], { photometric: 6, tags }), [254, 0, 0], 2)
  })

  test("has Y'CbCr of another range and of other coefficients", async () => {
    const full = [530, 3, [1, 1]] as const
    const video = [532, 5, [16, 235, 128, 240, 128, 240].flatMap((code) => [code, 1])] as const
    const bt709 = [529, 5, [2126, 7152, 722].flatMap((part) => [part, 10_000])] as const
    for (const [pixel, ...tags] of [
      // 16 + 219 Y, 128 + 112 Cb, 128 + 112 Cr of red, whose Y is 0.299.
      [[81, 90, 240], full, video],
      // Of red by BT.709, whose Y is 0.2126: 255 Y, 128 + 255 Cb, 128 + 255 Cr.
      [[54, 99, 255], full, bt709],
    ] as const) {
      const kind = { photometric: 6, tags: tags as unknown as TiffKind['tags'] }
      await expectSeen(tiffOf([...pixel], DEPTHS['8 bits'], kind), [254, 0, 0], 2)
    }
  })

  test('has an orientation that is none, as some programs write', async () => {
    for (const orientation of [0, 9])
      for (const bigEndian of [false, true])
        await expectSeen(
          tiffOf([200, 100, 50], DEPTHS['8 bits'], { photometric: 2, orientation, bigEndian }),
          [200, 100, 50],
        )
  })

  test('is a BigTIFF, of either byte order', async () => {
    for (const depth of Object.values(DEPTHS))
      for (const bigEndian of [false, true])
        await expectSeen(
          tiffOf([200, 100, 50], depth, { photometric: 2, bigTiff: true, bigEndian }),
          [200, 100, 50],
        )
  })
})
