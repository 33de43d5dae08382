import { readFileSync } from 'node:fs'
import sharp, { type Sharp } from 'sharp'
import { describe, expect, test } from 'vitest'
import { type ImageRejection, UnsupportedImageError } from '../../../src/pictures/errors.ts'
import { encodePng, prepareImage } from '../../../src/pictures/image.ts'
import { MAX_IMAGE_BYTES } from '../../../src/pictures/limits.ts'
import { blackPng, colourAt, corners, noise, noisePixels, pngFile, quadrants } from '../../support/images.ts'

const SIZE: [number, number] = [32, 32]
const UPRIGHT = 'red green blue yellow'

async function rejection(bytes: Uint8Array): Promise<UnsupportedImageError> {
  const error = await prepareImage(bytes, SIZE).then(
    () => {
      throw new Error('the picture was accepted')
    },
    (cause: unknown) => cause,
  )
  expect(error).toBeInstanceOf(UnsupportedImageError)
  return error as UnsupportedImageError
}

describe('a picture that is accepted', () => {
  const formats = {
    JPEG: () => quadrants().jpeg(),
    'progressive JPEG': () => quadrants().jpeg({ progressive: true }),
    PNG: () => quadrants().png(),
    'interlaced PNG': () => quadrants().png({ progressive: true }),
    'PNG with a palette': () => quadrants().png({ palette: true }),
    WebP: () => quadrants().webp(),
    GIF: () => quadrants().gif(),
    AVIF: () => quadrants().avif(),
    TIFF: () => quadrants().tiff({ compression: 'lzw' }),
  }
  test.each(Object.entries(formats))('keeps its colours in place when it is a %s', async (_name, make) => {
    const { pixels } = await prepareImage(await make().toBuffer(), SIZE)
    expect(pixels).toHaveLength(32 * 32 * 3)
    expect(corners(pixels)).toBe(UPRIGHT)
  })

  test('comes back as a PNG of exactly the pixels that the network gets', async () => {
    const { pixels } = await prepareImage(await noise(1, 200, 100).jpeg().toBuffer(), [32, 48])
    const { data, info } = await sharp(await encodePng(pixels, [32, 48]))
      .raw()
      .toBuffer({ resolveWithObject: true })
    expect(info).toMatchObject({ width: 48, height: 32, channels: 3 })
    expect(data.equals(pixels)).toBe(true)
  })

  test('passes unchanged when it has the right size already', async () => {
    const original = await noise(2).raw().toBuffer()
    const { pixels } = await prepareImage(await noise(2).png().toBuffer(), SIZE)
    expect(original.equals(pixels)).toBe(true)
  })

  const comment: [string, Buffer] = ['tEXt', Buffer.from('Comment\0by a program')]
  const sizes: [number, number][] = [SIZE, [23, 17], [8, 8], [80, 40]]
  test.each([0, 2].flatMap((colourType) => [0, 1, 2, 3, 4].map((filter) => [colourType, filter] as const)))(
    'has the same pixels in a small PNG (colour type %i, filter %i) and in one with a comment, which libvips reads',
    async (colourType, filter) => {
      const [width, height] = [17, 23]
      const rows = noisePixels(filter, width, height).subarray(0, height * width * (colourType + 1))
      const kind = { colourType: colourType as 0 | 2, bits: 8 as const, filter }
      const small = pngFile(width, height, kind, rows)
      const commented = pngFile(width, height, { ...kind, chunks: [comment] }, rows)
      for (const size of sizes) {
        const [one, other] = [await prepareImage(small, size), await prepareImage(commented, size)]
        expect(Buffer.compare(one.pixels, other.pixels)).toBe(0)
      }
    },
  )

  test.each([255, 254])(
    'has the same pixels in a small PNG with an alpha of %i, and in one with a comment',
    async (alpha) => {
      const rows = Buffer.from(noisePixels(9, 17, 4 * 23)).subarray(0, 17 * 23 * 4)
      for (let at = 3; at < rows.length; at += 4) rows[at] = alpha
      const kind = { colourType: 6, bits: 8 } as const
      const one = await prepareImage(pngFile(17, 23, kind, rows), SIZE)
      const other = await prepareImage(pngFile(17, 23, { ...kind, chunks: [comment] }, rows), SIZE)
      expect(Buffer.compare(one.pixels, other.pixels)).toBe(0)
    },
  )

  // Where the quadrants of an upright picture have to go so that the orientation brings them back.
  test.each([2, 3, 4, 5, 6, 7, 8])('is turned upright by EXIF orientation %i', async (orientation) => {
    const stored: Record<number, () => Sharp> = {
      2: () => quadrants(96, 96).flop(),
      3: () => quadrants(96, 96).rotate(180),
      4: () => quadrants(96, 96).flip(),
      5: () => sharp(transposed(96), { raw: { width: 96, height: 96, channels: 3 } }),
      6: () => quadrants(96, 96).rotate(270),
      7: () => sharp(transposed(96), { raw: { width: 96, height: 96, channels: 3 } }).rotate(180),
      8: () => quadrants(96, 96).rotate(90),
    }
    const jpeg = await stored[orientation]!().withMetadata({ orientation }).jpeg().toBuffer()
    expect(corners(await sharp(jpeg).resize(32).raw().toBuffer())).not.toBe(UPRIGHT)
    expect(corners((await prepareImage(jpeg, SIZE)).pixels)).toBe(UPRIGHT)
  })

  test('is turned before it is cropped', async () => {
    // Stored lying, 200 x 100; upright it is 100 x 200 and its middle has all four colours.
    const jpeg = await quadrants(100, 200).rotate(270).withMetadata({ orientation: 6 }).jpeg().toBuffer()
    expect(await sharp(jpeg).metadata()).toMatchObject({ width: 200, height: 100 })
    expect(corners((await prepareImage(jpeg, SIZE)).pixels)).toBe(UPRIGHT)
  })

  test('lies on white where it is transparent, whatever colour is under the transparency', async () => {
    const clear = { r: 0, g: 0, b: 0, alpha: 0 }
    const png = await quadrants(32, 32)
      .extend({ top: 0, bottom: 0, left: 32, right: 0, background: clear })
      .png()
      .toBuffer()
    const { pixels } = await prepareImage(png, [32, 64])
    expect([...pixels.subarray(0, 3)]).toEqual([255, 255, 255])
    expect([...pixels.subarray(60 * 3, 60 * 3 + 3)]).toEqual([30, 200, 30])
  })

  test('half transparent black becomes the middle grey on white, in WebP and in 16-bit PNG', async () => {
    const half = sharp({
      create: { width: 40, height: 40, channels: 4, background: { r: 0, g: 0, b: 0, alpha: 0.5 } },
    })
    for (const bytes of [
      await half.clone().webp({ lossless: true }).toBuffer(),
      await half.clone().toColourspace('rgb16').png().toBuffer(),
    ]) {
      const { pixels } = await prepareImage(bytes, SIZE)
      for (const value of pixels) expect(Math.abs(value - 127)).toBeLessThanOrEqual(1)
    }
  })

  test('keeps its brightness when it has 16 bits a channel', async () => {
    const png = await quadrants().toColourspace('rgb16').png().toBuffer()
    expect(await sharp(png).metadata()).toMatchObject({ depth: 'ushort' })
    const { pixels } = await prepareImage(png, SIZE)
    expect([...pixels.subarray(0, 3)]).toEqual([220, 30, 30])
    expect(corners(pixels)).toBe(UPRIGHT)
  })

  test('gets three equal channels when it is grey, with 8 or 16 bits and with alpha', async () => {
    const grey = quadrants().greyscale()
    for (const bytes of [
      await grey.clone().toColourspace('b-w').png().toBuffer(),
      await grey.clone().toColourspace('grey16').png().toBuffer(),
      await grey.clone().toColourspace('b-w').jpeg().toBuffer(),
      await grey.clone().ensureAlpha(1).toColourspace('b-w').png().toBuffer(),
    ]) {
      const { pixels } = await prepareImage(bytes, SIZE)
      expect(pixels).toHaveLength(32 * 32 * 3)
      for (let at = 0; at < pixels.length; at += 3) {
        expect(pixels[at + 1]).toBe(pixels[at])
        expect(pixels[at + 2]).toBe(pixels[at])
      }
      expect(new Set(pixels).size).toBeGreaterThan(3)
    }
  })

  test('is brought from CMYK to RGB', async () => {
    const jpeg = await quadrants().toColourspace('cmyk').jpeg().toBuffer()
    expect(await sharp(jpeg).metadata()).toMatchObject({ space: 'cmyk', channels: 4 })
    const { pixels } = await prepareImage(jpeg, SIZE)
    // Ink makes these colours paler; an inverted or unconverted one would change its strongest channel.
    const strongest = [0, 31, 31 * 32].map((at) => {
      const [r = 0, g = 0, b = 0] = pixels.subarray(at * 3, at * 3 + 3)
      return [r, g, b].indexOf(Math.max(r, g, b))
    })
    expect(strongest).toEqual([0, 1, 2])
    expect(colourAt(pixels, 32, 0.9, 0.9)).toBe('yellow')
  })

  test('is the first frame of an animation', async () => {
    const frames = [await quadrants().png().toBuffer(), await quadrants().negate().png().toBuffer()]
    for (const animated of [
      await sharp(frames, { join: { animated: true } })
        .gif()
        .toBuffer(),
      await sharp(frames, { join: { animated: true } })
        .webp()
        .toBuffer(),
    ]) {
      expect(await sharp(animated).metadata()).toMatchObject({ pages: 2 })
      expect(corners((await prepareImage(animated, SIZE)).pixels)).toBe(UPRIGHT)
    }
  })

  test('covers the input and is cropped at its centre', async () => {
    // 300 x 100: only the middle third is seen, which is half red, half green above.
    const { pixels } = await prepareImage(await quadrants(300, 100).png().toBuffer(), SIZE)
    expect(corners(pixels)).toBe(UPRIGHT)
    const left = await sharp(await quadrants(100, 100).png().toBuffer())
      .extend({ right: 400, background: '#000' })
      .png()
      .toBuffer()
    expect(corners((await prepareImage(left, SIZE)).pixels)).toBe('black black black black')
  })

  test('is stretched over the whole input when the model wants that', async () => {
    // 300 x 100 with black thirds to the left and right of the quadrants.
    const wide = await sharp(await quadrants(100, 100).png().toBuffer())
      .extend({ left: 100, right: 100, background: '#000' })
      .png()
      .toBuffer()
    const { pixels } = await prepareImage(wide, [96, 96], { rule: 'STRETCH', shorterSide: null })
    expect(corners(pixels, 96)).toBe('black black black black')
    const seen = [0.4, 0.6].flatMap((y) => [0.4, 0.6].map((x) => colourAt(pixels, 96, x, y)))
    expect(seen.join(' ')).toBe(UPRIGHT)
  })

  test('is contained in the input with all of it, in the middle of bars of a colour', async () => {
    const wide = await quadrants(300, 100).png().toBuffer()
    const tall = await quadrants(20, 60).png().toBuffer()
    const contain = { rule: 'CONTAIN', shorterSide: null, background: '#ffffff' } as const
    const grid = (pixels: Uint8Array, ys: number[], xs: number[]) =>
      ys.flatMap((y) => xs.map((x) => colourAt(pixels, 96, x, y))).join(' ')
    // A third of the height, or of the width.
    const { pixels, original } = await prepareImage(wide, [96, 96], contain)
    expect(original).toEqual([100, 300])
    expect(grid(pixels, [0.36, 0.64], [0.02, 0.98])).toBe(UPRIGHT)
    expect(grid(pixels, [0.3, 0.7], [0.02, 0.98])).toBe('white white white white')
    const upright = await prepareImage(tall, [96, 96], { ...contain, background: undefined })
    expect(grid(upright.pixels, [0.02, 0.98], [0.36, 0.64])).toBe(UPRIGHT)
    expect(grid(upright.pixels, [0.02, 0.98], [0.3, 0.7])).toBe('black black black black')
    for (const [width, height] of [
      [1, 40_000],
      [40_000, 1],
      [1, 1],
    ] as const) {
      const line = await sharp({ create: { width, height, channels: 3, background: '#000' } })
        .png()
        .toBuffer()
      const thin = await prepareImage(line, [96, 64], contain)
      expect(thin.pixels).toHaveLength(96 * 64 * 3)
      expect(thin.pixels.reduce((least, value) => Math.min(least, value))).toBe(0)
    }
  })

  test.each([
    ['wide', 300, 100],
    ['tall', 100, 300],
    ['small', 20, 20],
    ['square', 500, 500],
  ])('that is %s is scaled to a shorter side and cropped at its centre', async (_shape, width, height) => {
    // A frame of a tenth of the shorter side: at 40 pixels it is 4 wide, and the crop to 32 takes all of it away.
    const frame = Math.min(width, height) / 10
    const framed = await sharp(
      await quadrants(width - 2 * frame, height - 2 * frame)
        .png()
        .toBuffer(),
    )
      .extend({ left: frame, right: frame, top: frame, bottom: frame, background: '#000' })
      .png()
      .toBuffer()
    const resize = { rule: 'COVER', shorterSide: 40 } as const
    const { pixels } = await prepareImage(framed, SIZE, resize)
    expect(pixels).toHaveLength(32 * 32 * 3)
    const edge = 0.05
    const at = [edge, 1 - edge].flatMap((y) => [edge, 1 - edge].map((x) => colourAt(pixels, 32, x, y)))
    expect(at.join(' ')).toBe(UPRIGHT)
    // Without it the frame is seen.
    const whole = await prepareImage(framed, SIZE)
    const middle =
      width > height ? colourAt(whole.pixels, 32, 0.5, 0.01) : colourAt(whole.pixels, 32, 0.01, 0.5)
    expect(middle).toBe('black')
  })

  test('may have any shape down to a single pixel', async () => {
    for (const [width, height] of [
      [1, 1],
      [1, 500],
      [500, 1],
      [31, 33],
      [7, 2],
      [10, 40_000],
    ] as const) {
      const { pixels } = await prepareImage(await noise(3, width, height).png().toBuffer(), SIZE)
      expect(pixels).toHaveLength(32 * 32 * 3)
    }
    const dot = sharp({ create: { width: 1, height: 1, channels: 3, background: '#1e1edc' } })
    const { pixels } = await prepareImage(await dot.png().toBuffer(), SIZE)
    expect(colourAt(pixels, 32, 0.5, 0.5)).toBe('blue')
    expect(new Set(pixels)).toEqual(new Set([30, 220]))
  })

  test('gives the same pixels when fifty are prepared at once', async () => {
    const files = await Promise.all(
      Array.from({ length: 50 }, (_, seed) => noise(seed, 80, 60).webp().toBuffer()),
    )
    const alone = []
    for (const file of files) alone.push((await prepareImage(file, SIZE)).pixels)
    const together = await Promise.all(files.map((file) => prepareImage(file, SIZE)))
    expect(together.map(({ pixels }) => Buffer.from(pixels).toString('base64'))).toEqual(
      alone.map((pixels) => Buffer.from(pixels).toString('base64')),
    )
  })
})

describe('a picture that is refused', () => {
  const text = (content: string) => Buffer.from(content)
  const svg =
    '<svg xmlns="http://www.w3.org/2000/svg" width="64" height="64"><rect width="64" height="64"/></svg>'
  const byContent: [string, ImageRejection, RegExp, Uint8Array][] = [
    ['an empty file', 'EMPTY', /0 bytes/, new Uint8Array()],
    ['a text', 'NOT_AN_IMAGE', /not a picture/, text('Dear network, what is this?')],
    ['a single byte', 'NOT_AN_IMAGE', /not a picture/, Uint8Array.of(0xff)],
    ['a web page', 'NOT_AN_IMAGE', /not a picture/, text(`<html><body>${svg}</body></html>`)],
    ['an SVG', 'UNSUPPORTED_FORMAT', /SVG/, text(svg)],
    [
      'an SVG with a prologue',
      'UNSUPPORTED_FORMAT',
      /SVG/,
      text(`\ufeff<?xml version="1.0"?>\n<!-- x -->\n${svg}`),
    ],
    ['a PDF', 'UNSUPPORTED_FORMAT', /PDF/, text('%PDF-1.7\n%\n1 0 obj')],
    ['a BMP', 'UNSUPPORTED_FORMAT', /BMP/, Buffer.from('424d3600000000000000360000002800', 'hex')],
    ['a HEIC', 'UNSUPPORTED_FORMAT', /HEIC/, text('\0\0\0\x18ftypheic\0\0\0\0mif1heic')],
    ['a film', 'NOT_AN_IMAGE', /not a picture/, text('\0\0\0\x18ftypisom\0\0\0\0isomavc1')],
    [
      'too many bytes',
      'TOO_MANY_BYTES',
      /20971521 bytes; at most 20971520/,
      new Uint8Array(MAX_IMAGE_BYTES + 1),
    ],
    ['the mere signature of a PNG', 'TRUNCATED', /cut short/, Buffer.from('89504e470d0a1a0a', 'hex')],
    ['the mere signature of a TIFF', 'TRUNCATED', /cut short/, Buffer.from('49492a00', 'hex')],
  ]
  test.each(byContent)('says so of %s: %s', async (_name, reason, message, bytes) => {
    const error = await rejection(bytes)
    expect(error.reason).toBe(reason)
    expect(error.message).toMatch(message)
  })

  const formats = {
    JPEG: () => noise(4, 300, 200).jpeg(),
    'progressive JPEG': () => noise(4, 300, 200).jpeg({ progressive: true }),
    // A crop at the centre needs none of the missing rows of these.
    'tall JPEG': () => noise(4, 100, 1500).jpeg(),
    'tall PNG': () => noise(4, 100, 1500).png(),
    PNG: () => noise(4, 300, 200).png(),
    'interlaced PNG': () => noise(4, 300, 200).png({ progressive: true }),
    WebP: () => noise(4, 300, 200).webp(),
    GIF: () => noise(4, 300, 200).gif(),
    AVIF: () => noise(4, 300, 200).avif({ effort: 1 }),
    TIFF: () => noise(4, 300, 200).tiff({ compression: 'lzw' }),
  }
  test.each(Object.entries(formats))('is a %s cut short anywhere', async (_name, make) => {
    const whole = await make().toBuffer()
    for (const part of [0.02, 0.5, 0.95]) {
      const error = await rejection(whole.subarray(0, Math.floor(whole.length * part)))
      expect(error.reason).toBe('TRUNCATED')
      expect(error.message).toMatch(/cut short/)
    }
  })

  test('is a PNG whose bytes were altered: DAMAGED', async () => {
    const png = await noise(5, 200, 200).png().toBuffer()
    png[png.length >> 1]! ^= 0xff
    expect((await rejection(png)).reason).toBe('DAMAGED')
  })

  test('is a bomb of 16,000 x 16,000 pixels, refused by its header: time and memory stay small', async () => {
    const bomb = blackPng(16_000, 16_000)
    expect(bomb.length).toBeLessThan(200_000)
    expect(await sharp(bomb, { limitInputPixels: false }).metadata()).toMatchObject({
      width: 16_000,
      format: 'png',
    })
    const before = residentMiB()
    const started = process.cpuUsage()
    const error = await rejection(bomb)
    expect(error.reason).toBe('TOO_MANY_PIXELS')
    expect(error.message).toContain('16000 x 16000')
    // Decoded to RGB it has 732 MiB.
    expect(residentMiB() - before).toBeLessThan(100)
    expect(process.cpuUsage(started).user).toBeLessThan(1_000_000)
  })

  test('is one line of more than 65,535 pixels', async () => {
    const error = await rejection(await noise(6, 65_536, 1).png().toBuffer())
    expect(error.reason).toBe('TOO_MANY_PIXELS')
  })
})

function transposed(side: number): Uint8Array {
  const colours = [
    [220, 30, 30],
    [30, 30, 220],
    [30, 200, 30],
    [220, 220, 30],
  ]
  const pixels = new Uint8Array(side * side * 3)
  for (let at = 0; at < side * side; at++) {
    const [x, y] = [at % side, Math.floor(at / side)]
    pixels.set(colours[(y < side / 2 ? 0 : 2) + (x < side / 2 ? 0 : 1)]!, at * 3)
  }
  return pixels
}

/** The most memory this process ever had; it can only grow, so a difference shows a peak in between. */
function residentMiB(): number {
  const peak = /VmHWM:\s+(\d+) kB/.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]
  return peak === undefined ? process.memoryUsage.rss() / 2 ** 20 : Number(peak) / 1024
}
