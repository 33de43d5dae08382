import sharp from 'sharp'
import { describe, expect, test } from 'vitest'
import { type ImageRejection, UnsupportedImageError } from '../../../src/pictures/errors.ts'
import { prepareImage } from '../../../src/pictures/image.ts'
import type { Resize } from '../../../src/pictures/resize.ts'
import {
  corners,
  noise,
  noisePixels,
  pngFile,
  quadrants,
  type TiffKind,
  tiffFile,
} from '../../support/images.ts'

const SIZE: [number, number] = [32, 32]
const UPRIGHT = 'red green blue yellow'

async function rejection(bytes: Uint8Array, resize?: Resize): Promise<UnsupportedImageError> {
  const error = await prepareImage(bytes, SIZE, resize).then(
    () => {
      throw new Error('the picture was accepted')
    },
    (cause: unknown) => cause,
  )
  expect(error).toBeInstanceOf(UnsupportedImageError)
  const { message } = error as UnsupportedImageError
  // Nobody but us knows libvips and its parts.
  expect(message).not.toMatch(/vips|libpng|scanline|buffer/i)
  return error as UnsupportedImageError
}

async function look(bytes: Uint8Array): Promise<string> {
  return corners((await prepareImage(bytes, SIZE)).pixels)
}

function altered(file: Uint8Array, at: number, length = 16): Buffer {
  const copy = Buffer.from(file)
  for (let k = 0; k < length; k++) copy[at + k]! ^= 0x5a
  return copy
}

describe('a TIFF that is not whole', () => {
  const pixels = noisePixels(1, 40, 48)
  const rgb = { photometric: 2, samples: 3, bits: 8 }
  const layouts: [name: string, Partial<TiffKind>][] = [
    ['one strip', {}],
    ['strips', { rowsPerStrip: 7 }],
    ['tiles', { tile: 16 }],
  ]
  const orders: [name: string, Partial<TiffKind>][] = [
    ['little-endian', {}],
    ['big-endian', { bigEndian: true }],
    ['BigTIFF', { bigTiff: true }],
    ['big-endian BigTIFF', { bigTiff: true, bigEndian: true }],
  ]
  const files = layouts.flatMap(([layout, one]) =>
    orders.map(([order, other]) => [`${layout}, ${order}`, { ...rgb, ...one, ...other }] as const),
  )

  test.each(files)('is TRUNCATED when it is cut anywhere: %s', async (_name, kind) => {
    const whole = tiffFile(40, 48, kind, pixels)
    await prepareImage(whole, SIZE)
    for (const part of [0.001, 0.01, 0.03, 0.5, 0.999])
      expect((await rejection(whole.subarray(0, Math.floor(whole.length * part)))).reason).toBe('TRUNCATED')
  })

  test.each(['lzw', 'deflate'] as const)(
    'is DAMAGED when its %s has an error, in strips and in tiles',
    async (compression) => {
      for (const tile of [false, true]) {
        const layout = { tile, tileWidth: 64, tileHeight: 64, predictor: 'none' } as const
        const whole = await noise(2, 200, 150)
          .tiff({ compression, ...layout })
          .toBuffer()
        await prepareImage(whole, SIZE)
        expect((await rejection(altered(whole, whole.length >> 1))).reason).toBe('DAMAGED')
      }
    },
  )

  const wrong: [what: string, reason: ImageRejection, message: RegExp, kind: TiffKind][] = [
    [
      'a strip with too few bytes',
      'DAMAGED',
      /strip 1 of 1 has 100 bytes in place of 5760/,
      { ...rgb, tags: [[279, 4, [100]]] },
    ],
    ['fewer strips than rows need', 'DAMAGED', /each of its 7 strips/, { ...rgb, tags: [[278, 4, [7]]] }],
    [
      'fewer tiles than pixels need',
      'DAMAGED',
      /each of its 9 tiles/,
      { ...rgb, tile: 16, tags: [[325, 4, [768]]] },
    ],
    ['a strip beyond its end', 'TRUNCATED', /cut short/, { ...rgb, tags: [[273, 4, [4_000_000_000]]] }],
    [
      'a tile left out',
      'UNSUPPORTED_FORMAT',
      /sparse/,
      {
        ...rgb,
        tile: 48,
        tags: [
          [324, 4, [0]],
          [325, 4, [0]],
        ],
      },
    ],
    ['no photometric interpretation', 'DAMAGED', /lacks the tag 262/, { ...rgb, tags: [[262, 4, []]] }],
    ['no palette', 'DAMAGED', /palette lacks colours/, { photometric: 3, samples: 1, bits: 8 }],
    [
      'a palette cut short',
      'DAMAGED',
      /palette lacks colours/,
      { photometric: 3, samples: 1, bits: 8, tags: [[320, 3, Array<number>(48).fill(9)]] },
    ],
    ['fewer samples than colours', 'DAMAGED', /fewer than its colours/, { ...rgb, samples: 2 }],
  ]
  test.each(wrong)('has %s: %s', async (_what, reason, message, kind) => {
    const error = await rejection(tiffFile(40, 48, kind, pixels))
    expect([error.reason, error.message]).toEqual([reason, expect.stringMatching(message)])
  })

  test('is read all the same when only a later page is missing', async () => {
    const page = tiffFile(64, 64, rgb, await quadrants().raw().toBuffer())
    // The offset of the next directory follows the entries of the first.
    page.writeUInt32LE(page.length, 8 + 2 + 12 * page.readUInt16LE(8))
    expect(await look(page)).toBe(UPRIGHT)
    expect(await look(Buffer.concat([page, Buffer.from('no directory')]))).toBe(UPRIGHT)
  })

  test('ends no process, whatever its directory says', async () => {
    const whole = tiffFile(40, 48, { ...rgb, tile: 16 }, pixels)
    const random = noisePixels(3, 40, 10)
    for (let k = 0; k + 3 < random.length; k += 4) {
      const file = Buffer.from(whole)
      // Any byte of the header and the directory, but for the signature.
      file[4 + ((random[k]! * 256 + random[k + 1]!) % 240)] = random[k + 2]!
      await prepareImage(file, SIZE).catch((error: unknown) =>
        expect(error).toBeInstanceOf(UnsupportedImageError),
      )
    }
  })
})

describe('a whole TIFF of a kind that is not read', () => {
  const grey = { photometric: 1, samples: 1, bits: 8 }
  const kinds: [what: string, message: RegExp, kind: TiffKind][] = [
    ['12 bits', /12-bit samples/, { ...grey, bits: 12 }],
    ['14 bits', /14-bit samples/, { ...grey, bits: 14 }],
    ['4 bits of RGB', /4-bit samples/, { photometric: 2, samples: 3, bits: 4 }],
    ['64 bits', /64-bit samples/, { ...grey, bits: 64 }],
    ['signed bytes', /signed 8-bit/, { ...grey, format: 2 }],
    ['signed 16 bits', /signed 16-bit/, { ...grey, bits: 16, format: 2 }],
    ['signed 32 bits', /signed 32-bit/, { ...grey, bits: 32, format: 2 }],
    ['doubles', /64-bit floating-point/, { ...grey, bits: 64, format: 3 }],
    ['complex integers', /complex integers/, { ...grey, bits: 32, format: 5 }],
    ['complex numbers', /complex numbers/, { ...grey, bits: 64, format: 6 }],
    [
      'samples of different sizes',
      /different sizes/,
      { photometric: 2, samples: 3, bits: 8, tags: [[258, 3, [5, 6, 5]]] },
    ],
    [
      'half floats in separate planes',
      /16-bit floating-point samples in separate planes/,
      { photometric: 2, samples: 3, bits: 16, format: 3, tags: [[284, 3, [2]]] },
    ],
    ['CIELAB', /CIELAB/, { photometric: 8, samples: 3, bits: 8 }],
    ['LogLuv', /LogLuv/, { photometric: 32845, samples: 3, bits: 16 }],
    ['a mask', /mask/, { photometric: 4, samples: 1, bits: 1 }],
    [
      'inks of six colours',
      /inks other than CMYK/,
      { photometric: 5, samples: 6, bits: 8, tags: [[332, 3, [2]]] },
    ],
    ['raw data', /raw data of a camera/, { photometric: 32803, samples: 1, bits: 16 }],
    ['the thumbnail of raw data', /raw data of a camera/, { ...grey, tags: [[50706, 7, [1, 4, 0, 0]]] }],
    ['old-style JPEG', /old-style JPEG/, { photometric: 6, samples: 3, bits: 8, compression: 6 }],
    ['Zstandard', /Zstandard/, { ...grey, compression: 50000 }],
    ['an unknown compression', /compression 60000/, { ...grey, compression: 60000 }],
    [
      'tiles of separate planes',
      /separate planes/,
      { photometric: 2, samples: 3, bits: 8, tile: 16, tags: [[284, 3, [2]]] },
    ],
    ['hundreds of channels', /300 samples a pixel/, { ...grey, tags: [[277, 3, [300]]] }],
  ]
  test.each(kinds)('is refused as such, and says what would be read: %s', async (_what, message, kind) => {
    const pixels = Buffer.alloc((16 * 16 * kind.samples * kind.bits) / 8)
    const error = await rejection(tiffFile(16, 16, kind, pixels))
    expect([error.reason, error.message]).toEqual(['UNSUPPORTED_FORMAT', expect.stringMatching(message)])
    expect(error.message).toMatch(/Send it as/)
  })

  test.each([2, 255, -1, Number.NaN])('is refused for floating-point samples of %f', async (value) => {
    const pixels = Buffer.alloc(16 * 16 * 4)
    pixels.writeFloatLE(value, 100)
    const error = await rejection(tiffFile(16, 16, { ...grey, bits: 32, format: 3 }, pixels))
    expect(error.reason).toBe('UNSUPPORTED_FORMAT')
    expect(error.message).toContain(`beyond 0 to 1, such as ${value}`)
  })

  test('is refused for more samples than can be converted', async () => {
    const kind = {
      ...grey,
      samples: 64,
      bits: 32,
      tags: [
        [256, 4, [8000]],
        [257, 4, [8000]],
        [278, 4, [8000]],
      ],
    } as TiffKind
    expect((await rejection(tiffFile(1, 1, { ...kind, compression: 5 }, Buffer.alloc(256)))).reason).toBe(
      'TOO_MANY_PIXELS',
    )
  })
})

describe('a JPEG', () => {
  const END = Buffer.of(0xff, 0xd9)
  const kinds = {
    baseline: {},
    progressive: { progressive: true },
    'with standard tables': { optimiseCoding: false },
  }

  test.each(Object.entries(kinds))(
    'is read when its pixels are all there, though not its end: %s',
    async (_name, options) => {
      const whole = await quadrants(300, 200).jpeg(options).toBuffer()
      const { pixels } = await prepareImage(whole, SIZE)
      for (const file of [
        whole.subarray(0, -2),
        whole.subarray(0, -1),
        Buffer.concat([whole, Buffer.alloc(5000, 0xff)]),
      ])
        expect((await prepareImage(file, SIZE)).pixels).toEqual(pixels)
    },
  )

  test.each(Object.entries(kinds))('is refused when pixels are missing: %s', async (_name, options) => {
    const whole = await noise(4, 300, 200).jpeg(options).toBuffer()
    // Of the last few bytes, nothing may be left when the picture is shrunk.
    for (const missing of [20, 500, whole.length >> 1]) {
      const cut = whole.subarray(0, -missing)
      expect((await rejection(cut)).reason).toBe('TRUNCATED')
    }
    const closed = Buffer.concat([whole.subarray(0, whole.length >> 1), END])
    expect((await rejection(closed)).reason).toBe('DAMAGED')
  })

  test('is refused when the last scans of a progressive one are missing, and not its pixels', async () => {
    const whole = await noise(4, 300, 200).jpeg({ progressive: true }).toBuffer()
    const lastScan = whole.lastIndexOf(Buffer.of(0xff, 0xda))
    expect((await rejection(whole.subarray(0, lastScan))).reason).toBe('TRUNCATED')
  })

  test('is read with stray bytes between its segments, as everything that shows pictures does', async () => {
    const whole = await quadrants().jpeg().toBuffer()
    expect(await look(Buffer.concat([whole.subarray(0, 20), Buffer.of(7, 7), whole.subarray(20)]))).toBe(
      UPRIGHT,
    )
  })

  test.each([
    ['12-bit samples', 0xc1, 12, 32],
    ['lossless coding', 0xc3, 8, 32],
    ['hierarchical coding', 0xc5, 8, 32],
    ['its height at its end', 0xc0, 8, 0],
  ])('is refused for %s', async (what, marker, precision, height) => {
    const file = await noise(5).jpeg().toBuffer()
    const frame = file.indexOf(Buffer.of(0xff, 0xc0))
    file[frame + 1] = marker
    file[frame + 4] = precision
    file.writeUInt16BE(height, frame + 5)
    const error = await rejection(file)
    expect([error.reason, error.message]).toEqual(['UNSUPPORTED_FORMAT', expect.stringContaining(what)])
  })
})

describe('a GIF', () => {
  const u16 = (value: number) => Buffer.of(value & 0xff, value >> 8)
  const picture = (
    x: number,
    y: number,
    side: number,
    colour: number,
    more: Uint8Array = Buffer.alloc(0),
  ) => {
    // Two-bit codes of three bits: clear (4), then each pixel on its own, cleared before the codes grow; end (5).
    const codes: number[] = [4]
    for (let k = 0; k < side * side; k++) codes.push(colour, ...(k % 2 === 1 ? [4] : []))
    const bits = [...codes, 5]
      .map((code) => code.toString(2).padStart(3, '0').split('').reverse().join(''))
      .join('')
    const bytes = bits.match(/.{1,8}/g)!.map((byte) => Number.parseInt(byte.split('').reverse().join(''), 2))
    const blocks = Array.from({ length: Math.ceil(bytes.length / 255) }, (_, k) =>
      bytes.slice(255 * k, 255 * (k + 1)),
    )
    const data = Buffer.concat([...blocks.map((block) => Buffer.of(block.length, ...block)), Buffer.of(0)])
    return Buffer.concat([more, Buffer.of(0x2c), ...[x, y, side, side].map(u16), Buffer.of(0, 2), data])
  }
  // Colours 0 red, 1 blue, 2 green, 3 yellow on a canvas of 64 x 64; the background of the header is blue.
  const gifOn = (width: number, height: number, ...pictures: Buffer[]) => {
    const table = Buffer.of(255, 0, 0, 0, 0, 255, 0, 255, 0, 255, 255, 0)
    const header = Buffer.concat([
      Buffer.from('GIF89a'),
      u16(width),
      u16(height),
      Buffer.of(0x81, 1, 0),
      table,
    ])
    return Buffer.concat([header, ...pictures, Buffer.of(0x3b)])
  }
  const gif = (...pictures: Buffer[]) => gifOn(64, 64, ...pictures)
  const transparent = (index: number) => Buffer.of(0x21, 0xf9, 4, 1, 0, 0, index, 0)

  test('has white paper where its first picture leaves its canvas free', async () => {
    expect(await look(gif(picture(0, 0, 32, 0)))).toBe('red white white white')
    expect(await look(gif(picture(32, 32, 32, 2)))).toBe('white white white green')
    expect(await look(gif(picture(32, 32, 32, 2, transparent(0)), picture(0, 0, 64, 0)))).toBe(
      'white white white green',
    )
    expect(await look(gif(picture(0, 0, 64, 3, transparent(3))))).toBe('white white white white')
  })

  test('has the canvas that it says, also of a size that libvips takes for wrong, and as far as its first picture reaches', async () => {
    for (const [width, height] of [
      [640, 480],
      [800, 600],
      [2400, 100],
    ] as const)
      expect(await look(gifOn(width, height, picture(0, 0, 64, 0)))).toMatch(/^\w+ white white white$/)
    expect(await look(gifOn(0, 0, picture(0, 0, 64, 0)))).toBe('red red red red')
    expect(await look(gifOn(32, 32, picture(32, 32, 32, 2)))).toBe('white white white green')
    expect((await rejection(gifOn(65_535, 65_535, picture(0, 0, 64, 0)))).reason).toBe('TOO_MANY_PIXELS')
    expect((await rejection(gif(picture(0, 0, 0, 0)))).reason).toBe('DAMAGED')
  })

  test('is read for its first picture alone', async () => {
    const two = gif(picture(0, 0, 64, 0), picture(0, 0, 64, 1))
    expect(await look(two)).toBe('red red red red')
    expect(await look(two.subarray(0, -400))).toBe('red red red red')
    const cut = gif(picture(0, 0, 64, 0)).subarray(0, -400)
    expect((await rejection(cut)).reason).toBe('TRUNCATED')
  })

  test('is DAMAGED when its data have an error', async () => {
    const whole = await noise(6, 200, 150).gif().toBuffer()
    expect((await rejection(altered(whole, whole.length >> 1))).reason).toBe('DAMAGED')
  })
})

test('an AVIF whose stream is overwritten is DAMAGED, and not of a kind that is not read', async () => {
  const whole = await noise(9).avif().toBuffer()
  // All of its stream, and the end of it.
  for (const from of [whole.indexOf('mdat') + 4, whole.length - 60])
    expect((await rejection(Buffer.from(whole).fill(0, from))).reason).toBe('DAMAGED')
})

test('a header that claims more pixels than libvips itself takes is told how many are taken', async () => {
  const jpeg = await noise(8).jpeg().toBuffer()
  const frame = jpeg.indexOf(Buffer.of(0xff, 0xc0))
  jpeg.fill(0xff, frame + 5, frame + 9)
  const png = await noise(8).png().toBuffer()
  png.writeUInt32BE(0x7fffffff, 16)
  for (const file of [jpeg, png]) expect((await rejection(file)).reason).toBe('TOO_MANY_PIXELS')
})

describe('a picture of an extreme shape', () => {
  const rules: Resize[] = [
    { rule: 'COVER', shorterSide: null },
    { rule: 'COVER', shorterSide: 256 },
    { rule: 'STRETCH', shorterSide: null },
  ]
  test.each([
    [1, 65_535],
    [65_535, 1],
    [3, 40_000],
  ])('of %i x %i pixels is read by every rule', async (width, height) => {
    // Its ends are black; its middle is red above or to the left, else green.
    const long = Math.max(width, height)
    const pixels = Buffer.alloc(width * height * 3)
    for (let at = 0; at < width * height; at++) {
      const place = height > width ? Math.floor(at / width) : at % width
      if (Math.abs(place - long / 2) < long / 4) pixels[at * 3 + (place < long / 2 ? 0 : 1)] = 255
    }
    const file = await sharp(pixels, { raw: { width, height, channels: 3 } })
      .png()
      .toBuffer()
    for (const resize of rules) {
      const seen = await prepareImage(file, SIZE, resize)
      const at = (x: number, y: number) => [...seen.pixels.subarray((y * 32 + x) * 3, (y * 32 + x) * 3 + 3)]
      const [before, after] = height > width ? [at(16, 10), at(16, 22)] : [at(10, 16), at(22, 16)]
      // The middle, where red meets green; nothing of the black ends.
      if (resize.rule === 'COVER') {
        for (const [red = 0, green = 0] of [before, after]) expect(red + green).toBeGreaterThan(230)
        expect(before[0]).toBeGreaterThanOrEqual(after[0]!)
      } else
        expect([before, after]).toEqual([
          [255, 0, 0],
          [0, 255, 0],
        ])
    }
  })
})

describe('a file of another format', () => {
  test.each([
    ['JPEG XL', '\xff\x0a'],
    ['JPEG XL', '\0\0\0\x0cJXL \r\n\x87\n'],
    ['JPEG 2000', '\0\0\0\x0cjP  \r\n\x87\n'],
    ['JPEG 2000', '\xff\x4f\xff\x51'],
    ['JPEG-LS', '\xff\xd8\xff\xf7'],
    ['JPEG XR', 'II\xbc\x01'],
    ['HEIC', '\0\0\0\x18ftypheic\0\0\0\0mif1heic'],
    ['raw data of a camera', '\0\0\0\x18ftypcrx \0\0\0\x01crx isom'],
    ['raw data of a camera', 'FUJIFILMCCD-RAW 0201'],
    ['BMP', 'BM6\0\0\0\0\0\0\0'],
    ['ICO', '\0\0\x01\0\x01\0'],
    ['ICO', '\0\0\x02\0\x01\0'],
    ['TGA', `\0\0\x02${'\0'.repeat(9)}\x20\0\x20\0\x18\0`],
    ['TGA', `\0\0\x0a${'\0'.repeat(9)}\x20\0\x20\0\x18\0`],
    ['TGA', `\0\x01\x01\0\0\0\x01\x18\0\0\0\0\x20\0\x20\0\x08\0`],
    ['ICNS', 'icns\0\0\x10\0'],
    ['Photoshop', '8BPS\0\x01'],
    ['GIMP', 'gimp xcf v011'],
    ['PDF', '%PDF-1.7'],
    ['PostScript', '%!PS-Adobe-3.0 EPSF'],
    ['OpenEXR', 'v/1\x01\x02\0\0\0'],
    ['Radiance', '#?RADIANCE\n'],
    ['Netpbm', 'P6\n64 64\n255\n'],
    ['Netpbm', 'P5 # grey\n64 64'],
    ['QOI', 'qoif\0\0\0\x40'],
    ['DICOM', `${'\0'.repeat(128)}DICM`],
    ['FITS', 'SIMPLE  =                    T'],
  ])('is refused as %s by its first bytes', async (name, start) => {
    const error = await rejection(Buffer.from(start.padEnd(300, '\0'), 'latin1'))
    expect([error.reason, error.message]).toEqual(['UNSUPPORTED_FORMAT', expect.stringContaining(name)])
  })

  test("is a PNG in Apple's own order", async () => {
    const png = pngFile(8, 8, { colourType: 2, bits: 8 }, Buffer.alloc(8 * 8 * 3))
    // CgBI comes before the header, which nothing else does.
    const file = Buffer.concat([
      png.subarray(0, 8),
      Buffer.from('0000000443674249500020022bd5b37f', 'hex'),
      png.subarray(8),
    ])
    const error = await rejection(file)
    expect([error.reason, error.message]).toEqual(['UNSUPPORTED_FORMAT', expect.stringContaining('CgBI')])
  })
})
