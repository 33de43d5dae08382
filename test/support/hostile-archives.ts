import { gzipSync } from 'node:zlib'
import { type TarEntry, tarOf, type ZipEntry, zipOf } from './archives.ts'
import { broken } from './damage.ts'
import { noise, noisePixels } from './images.ts'
import { type Draw, drawing } from './random.ts'

/** An archive that somebody might send, and what is known of it. */
export interface HostileArchive {
  bytes: Buffer
  /** How it was made, for whoever looks for what went wrong. */
  what: string
  /** Where nothing was broken afterwards: how many pictures are good, and which files are not. */
  known: { pictures: number; bad: string[] } | null
}

type Entry = ZipEntry & Pick<TarEntry, 'type' | 'link' | 'isPax'>
/** Pictures in every format that is read, each of another noise, made once. */
export async function hostilePictures(): Promise<Buffer[]> {
  const formats = ['png', 'jpeg', 'webp', 'gif', 'tiff', 'png', 'jpeg', 'png'] as const
  const sides = [1, 2, 7, 32, 40, 64]
  return Promise.all(
    Array.from({ length: 48 }, (_, seed) => {
      const [width, height] = [sides[seed % 6]!, sides[Math.floor(seed / 6) % 6]!]
      // Alone of their kind: smaller ones would look like others.
      return noise(1000 + seed, Math.max(16, width), Math.max(16, height))
        .toFormat(formats[seed % 8]!)
        .toBuffer()
    }),
  )
}

const CLASSES = [
  'cat',
  'dog',
  'Cat',
  'café',
  'cafe\u0301',
  '猫 🐈',
  'a b',
  ' a  b',
  'x'.repeat(90),
  'CON',
  'train',
  '0',
]
const LONG = 'y'.repeat(150)

const UNSAFE = [
  (name: string) => `../${name}`,
  (name: string) => `../../../../../../tmp/vggzoo-escaped/${name}`,
  (name: string) => `/tmp/vggzoo-escaped/${name}`,
  (name: string) => `..\\..\\${name.replaceAll('/', '\\')}`,
  (name: string) => `C:\\${name}`,
  (name: string) => `a/../../${name}`,
  (name: string) => `${'d/'.repeat(40)}${name}`,
  (name: string) => `${name}${'z'.repeat(2000)}`,
]
/** In a .tar a name ends there. */
const withNul = (name: string) => `${name}\u0000.png`
const LITTER = [
  '__MACOSX/._0.png',
  '.DS_Store',
  'cat/Thumbs.db',
  'cat/.hidden.png',
  'README.md',
  'cat/inner.zip',
  'cat/notes.txt',
]

/** A folder for each class, with pictures of which some are bad, and much else. */
function folders(draw: Draw, pictures: readonly Buffer[], isTar: boolean) {
  const entries: Entry[] = []
  const bad: string[] = []
  const names = new Set(Array.from({ length: 2 + draw.below(3) }, () => draw.oneOf(CLASSES)))
  const root = draw.chance(0.3) ? 'wrapped/' : ''
  const parts = draw.chance(0.3) ? ['train/', 'test/'] : ['']
  let next = draw.below(pictures.length)
  let good = 0
  // Each picture once: no two have the same pixels.
  for (let i = 0; i < 24 && i < pictures.length; i++) {
    const folder = `${root}${draw.oneOf(parts)}${draw.oneOf([...names])}`
    entries.push({
      name: `${folder}/${i}.${draw.oneOf(['png', 'jpg', 'JPEG', 'webp'])}`,
      bytes: pictures[next++ % pictures.length],
    })
    good++
  }
  for (let i = draw.below(8); i > 0; i--) {
    const name = `${root}${draw.oneOf(parts)}${draw.oneOf([...names])}/bad ${i}.png`
    const picture = draw.oneOf(pictures)
    const broken: Entry[] = [
      { name, bytes: draw.bytes(draw.below(200)) },
      { name, bytes: picture.subarray(0, draw.below(20)) },
      { name, bytes: Buffer.alloc(0) },
      { name, bytes: Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"/>') },
    ]
    if (isTar) {
      broken.push(
        { name, type: 'SymbolicLink', link: '/etc/passwd' },
        { name, type: 'Link', link: '../../x' },
        { name, type: 'CharacterDevice' },
        { name, type: 'FIFO' },
      )
    } else {
      broken.push(
        { name, bytes: picture, flags: 1 },
        { name, bytes: picture, method: draw.oneOf([1, 9, 12, 14, 93, 99]) },
        { name, bytes: picture, claims: { size: draw.below(picture.length) } },
        { name, bytes: picture, claims: { crc: 12345 } },
        { name, bytes: Buffer.from('/etc/passwd'), mode: 0o120777 },
      )
    }
    entries.push(draw.oneOf(broken))
    bad.push(name)
  }
  for (let i = draw.below(4); i > 0; i--) {
    entries.push({
      name: draw.oneOf(isTar ? UNSAFE : [...UNSAFE, withNul])(`cat/unsafe ${i}.png`),
      bytes: draw.oneOf(pictures),
      isPax: true,
    })
  }
  for (const name of LITTER)
    if (draw.chance(0.3)) entries.push({ name: `${root}${name}`, bytes: draw.bytes(20) })
  if (draw.chance(0.2)) entries.push({ name: `${root}${LONG}/0.png`, bytes: draw.oneOf(pictures) })
  if (!isTar && draw.chance(0.1))
    entries.push({ name: Buffer.from(`${root}\xff\xfe/1.png`, 'latin1'), bytes: draw.bytes(30) })
  return { entries, known: { pictures: good, bad } }
}

function table(draw: Draw, pictures: readonly Buffer[]): Entry[] {
  const rows = [draw.oneOf(['path,label', 'file;class;split', 'x\ty', 'image,label,split', '"', ',,,'])]
  const entries: Entry[] = pictures.slice(0, 12).map((bytes, i) => {
    const delimiter = draw.oneOf([',', ';', '\t'])
    rows.push(
      [
        draw.oneOf([`images/${i}.png`, `${i}.png`, `..\\${i}.png`, '']),
        draw.oneOf(CLASSES),
        draw.oneOf(['train', 'test', '', 'moon']),
      ].join(draw.chance(0.9) ? ',' : delimiter),
    )
    return { name: `images/${i}.png`, bytes }
  })
  const text = rows.join(draw.oneOf(['\n', '\r\n', '\r']))
  return [
    ...entries,
    {
      name: draw.oneOf(['labels.csv', 'a/b.tsv', 'labels.txt']),
      bytes: draw.chance(0.2) ? Buffer.from(text, 'utf16le') : Buffer.from(text),
    },
  ]
}

function binary(draw: Draw): Entry[] {
  const records = (bytes: number, count: number) =>
    Buffer.concat(
      Array.from({ length: count }, (_, i) =>
        Buffer.concat([
          Buffer.from(Array.from({ length: bytes }, () => draw.below(11))),
          Buffer.from(noisePixels(draw.below(1000) + i)),
        ]),
      ),
    )
  const idx = (dimensions: number, count: number, length: number) => {
    const head = Buffer.alloc(4 + 4 * dimensions)
    head.writeUInt32BE(0x0800 + draw.oneOf([dimensions, dimensions, dimensions, 2]))
    for (let i = 0; i < dimensions; i++)
      head.writeUInt32BE(i === 0 ? count : draw.oneOf([6, 6, 6, 0, 2 ** 32 - 1]), 4 + 4 * i)
    return Buffer.concat([head, draw.bytes(length)])
  }
  const count = 1 + draw.below(6)
  return draw.oneOf<() => Entry[]>([
    () => [
      { name: 'data_batch_1.bin', bytes: records(1, count) },
      { name: 'test_batch.bin', bytes: records(1, count) },
      { name: 'batches.meta.txt', bytes: Buffer.from(CLASSES.slice(0, 11).join('\n')) },
    ],
    () => [
      { name: 'train.bin', bytes: records(2, count) },
      { name: 'test.bin', bytes: records(2, count) },
    ],
    () => [
      { name: 'train-images-idx3-ubyte', bytes: idx(3, count, 36 * draw.oneOf([count, count, count - 1])) },
      { name: 'train-labels-idx1-ubyte.gz', bytes: gzipSync(idx(1, count, count)) },
      {
        name: 't10k-images.idx3-ubyte.gz',
        bytes: gzipSync(idx(3, count, 36 * count)).subarray(0, draw.oneOf([40, 10_000])),
      },
      { name: 't10k-labels.idx1-ubyte', bytes: idx(1, count, count) },
    ],
  ])()
}

/** The archive of a seed: the same one each time. */
export function hostileArchive(seed: number, pictures: readonly Buffer[]): HostileArchive {
  const draw = drawing(seed)
  const kind = draw.oneOf(['zip', 'zip', 'tar', 'tar.gz'] as const)
  const layout = draw.oneOf(['folders', 'folders', 'folders', 'table', 'binary'] as const)
  const isTar = kind !== 'zip'
  const made =
    layout === 'folders'
      ? folders(draw, pictures, isTar)
      : { entries: layout === 'table' ? table(draw, pictures) : binary(draw), known: null }
  const packed = isTar
    ? tarOf(made.entries)
    : zipOf(made.entries.map((entry) => ({ ...entry, method: entry.method ?? draw.oneOf([0, 8]) })))
  const isBrokenInside = isTar && draw.chance(0.3)
  const inside = isBrokenInside ? broken(draw, packed) : { bytes: packed, how: '' }
  const archive = kind === 'tar.gz' ? gzipSync(inside.bytes) : inside.bytes
  const isBroken = draw.chance(0.5)
  const whole = isBroken && archive.length > 0 ? broken(draw, archive) : { bytes: archive, how: '' }
  return {
    bytes: whole.bytes,
    what: `seed ${seed}: ${kind} of ${layout}, ${inside.how} ${whole.how}`,
    known: isBroken || isBrokenInside ? null : made.known,
  }
}
