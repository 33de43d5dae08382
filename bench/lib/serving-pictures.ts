/** Pictures of many kinds, as people send them, and among them such as are none. */
import sharp, { type Sharp } from 'sharp'

/** What a program sends of it. */
export type Sent = { bytes: Uint8Array } | { sample: number }

export interface MixedPicture {
  name: string
  sent: Sent
  /** Whether nothing can be seen in it: made so, whatever the server says. */
  broken: boolean
}

/** [width, height] */
const SIZES = [
  [32, 32],
  [1, 1],
  [64, 48],
  [200, 300],
  [640, 480],
  [33, 1000],
  [1600, 1200],
] as const

const FORMATS: Readonly<Record<string, (picture: Sharp) => Sharp>> = {
  jpeg: (picture) => picture.jpeg(),
  'jpeg, progressive and turned': (picture) =>
    picture.jpeg({ progressive: true }).withMetadata({ orientation: 6 }),
  'jpeg, grey': (picture) => picture.greyscale().jpeg(),
  png: (picture) => picture.png(),
  'png, with transparency': (picture) => picture.ensureAlpha(0.5).png(),
  'png, of 16 bits': (picture) => picture.toColourspace('rgb16').png(),
  'png, with a palette': (picture) => picture.png({ palette: true }),
  webp: (picture) => picture.webp(),
  'webp, lossless': (picture) => picture.webp({ lossless: true }),
  avif: (picture) => picture.avif({ effort: 0 }),
  gif: (picture) => picture.gif(),
  tiff: (picture) => picture.tiff(),
}

/** From a picture that is whole to one that is not. */
const BREAKS: Readonly<Record<string, (whole: Uint8Array) => Uint8Array>> = {
  'cut in the middle': (whole) => whole.subarray(0, whole.length >> 1),
  'cut behind its head': (whole) => whole.subarray(0, 40),
  'of nothing': () => new Uint8Array(),
  'a letter': () => Buffer.from('Dear zoo, here are my holidays.'),
  'an SVG': () => Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"><rect width="9" height="9"/></svg>'),
  'a head alone': () => Buffer.from('\xff\xd8\xff\xe0 and no more', 'latin1'),
}
/** Of a hundred. */
const BROKEN = 5
const SAMPLES = 10

/** So many of them, each another one: of these sizes and formats in turns, five of a hundred broken, ten of CIFAR-10. */
export async function makePictures(count: number): Promise<MixedPicture[]> {
  const pictures: MixedPicture[] = []
  for (let index = 0; index < count; index++) pictures.push(await makePicture(index))
  return pictures
}

async function makePicture(index: number): Promise<MixedPicture> {
  // Scattered over the hundred, so that each batch has some of all.
  const place = (index * 37) % 100
  if (place < SAMPLES) return { name: `sample ${index}`, sent: { sample: index % 10_000 }, broken: false }
  const [width, height] = SIZES[index % SIZES.length]!
  const formats = Object.entries(FORMATS)
  const [format, encode] = formats[index % formats.length]!
  const bytes = await encode(scene(index, width, height)).toBuffer()
  if (place < 100 - BROKEN) return { name: `${format}, ${width} x ${height}`, sent: { bytes }, broken: false }
  const breaks = Object.entries(BREAKS)
  const [how, spoil] = breaks[Math.floor(index / 20) % breaks.length]!
  return { name: `${how}, once ${format}`, sent: { bytes: spoil(bytes) }, broken: true }
}

/** Coloured fields, other ones for each index: noise would be all alike once it is shrunk. */
function scene(index: number, width: number, height: number): Sharp {
  const hue = (at: number) => Math.imul(index * 4 + at + 1, 2654435761) >>> 8
  const pixels = Uint8Array.from({ length: 2 * 2 * 3 }, (_, at) => hue(at) & 0xff)
  return sharp(pixels, { raw: { width: 2, height: 2, channels: 3 } }).resize(width, height, {
    fit: 'fill',
    kernel: 'linear',
  })
}
