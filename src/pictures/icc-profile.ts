type Vector = [number, number, number]
type Matrix = [Vector, Vector, Vector]

/** Chromaticities x, y (CIE 1931) of a colour space's primaries and of its white. */
export interface Primaries {
  red: [number, number]
  green: [number, number]
  blue: [number, number]
  white: [number, number]
}

/** From a value of the picture to light, both from 0 to 1. */
export type Transfer = (value: number) => number

/** The white of every profile's connection space (ICC.1, 7.2.16). */
const D50: Vector = [0.9642, 1, 0.8249]

/** Cone responses of Bradford's chromatic adaptation (ICC.1, annex E). */
const BRADFORD: Matrix = [
  [0.8951, 0.2664, -0.1614],
  [-0.7502, 1.7135, 0.0367],
  [0.0389, -0.0685, 1.0296],
]

const CURVE_POINTS = 4096

/** An ICC profile (version 2, display class) of an RGB space. */
export function rgbProfile(primaries: Primaries, transfer: Transfer): Buffer {
  const [red, green, blue] = transposed(toD50(primaries))
  const curve = curveTag(transfer)
  return profile('RGB ', [
    ['rXYZ', xyzTag(red)],
    ['gXYZ', xyzTag(green)],
    ['bXYZ', xyzTag(blue)],
    ['rTRC', curve],
    ['gTRC', curve],
    ['bTRC', curve],
  ])
}

/** An ICC profile (version 2, display class) of greys. */
export function greyProfile(transfer: Transfer): Buffer {
  return profile('GRAY', [['kTRC', curveTag(transfer)]])
}

/** The matrix from linear RGB to XYZ under D50. */
function toD50({ red, green, blue, white }: Primaries): Matrix {
  const source = xyz(white)
  const columns = transposed([xyz(red), xyz(green), xyz(blue)])
  const scale = apply(inverse(columns), source)
  const toXyz = columns.map((row) => row.map((value, k) => value * scale[k]!)) as Matrix
  const [from, to] = [apply(BRADFORD, source), apply(BRADFORD, D50)]
  const adapted = BRADFORD.map((row, k) => row.map((value) => (value * to[k]!) / from[k]!)) as Matrix
  return product(product(inverse(BRADFORD), adapted), toXyz)
}

function xyz([x, y]: [number, number]): Vector {
  return [x / y, 1, (1 - x - y) / y]
}

function apply(matrix: Matrix, vector: Vector): Vector {
  return matrix.map((row) => row[0] * vector[0] + row[1] * vector[1] + row[2] * vector[2]) as Vector
}

function product(left: Matrix, right: Matrix): Matrix {
  return transposed(transposed(right).map((column) => apply(left, column)) as Matrix)
}

function transposed(matrix: Matrix): Matrix {
  return [0, 1, 2].map((k) => matrix.map((row) => row[k])) as Matrix
}

/** By cofactors. */
function inverse(m: Matrix): Matrix {
  const cofactor = (i: number, j: number) => {
    const [a, b] = [(i + 1) % 3, (i + 2) % 3]
    const [c, d] = [(j + 1) % 3, (j + 2) % 3]
    return m[a]![c]! * m[b]![d]! - m[a]![d]! * m[b]![c]!
  }
  const determinant = [0, 1, 2].reduce((sum, j) => sum + m[0][j]! * cofactor(0, j), 0)
  return [0, 1, 2].map((i) => [0, 1, 2].map((j) => cofactor(j, i) / determinant)) as Matrix
}

function profile(space: string, tags: [name: string, content: Buffer][]): Buffer {
  const all: [string, Buffer][] = [
    ['desc', descriptionTag('vggzoo')],
    ['cprt', Buffer.from('text\0\0\0\0public domain\0\0\0', 'latin1')],
    ['wtpt', xyzTag(D50)],
    ...tags,
  ]
  const table = Buffer.alloc(4 + 12 * all.length)
  table.writeUInt32BE(all.length)
  let at = 128 + table.length
  for (const [index, [name, content]] of all.entries()) {
    table.write(name, 4 + 12 * index, 'latin1')
    table.writeUInt32BE(at, 8 + 12 * index)
    table.writeUInt32BE(content.length, 12 + 12 * index)
    at += content.length
  }
  const header = Buffer.alloc(128)
  header.writeUInt32BE(at)
  header.writeUInt32BE(0x0240_0000, 8)
  header.write(`mntr${space}XYZ `, 12, 'latin1')
  header.write('acsp', 36, 'latin1')
  numbers(D50).copy(header, 68)
  return Buffer.concat([header, table, ...all.map(([, content]) => content)])
}

/** s15Fixed16 numbers. */
function numbers(values: number[]): Buffer {
  const buffer = Buffer.alloc(4 * values.length)
  for (const [index, value] of values.entries()) buffer.writeInt32BE(Math.round(value * 65536), 4 * index)
  return buffer
}

function xyzTag(values: Vector): Buffer {
  return Buffer.concat([Buffer.from('XYZ \0\0\0\0', 'latin1'), numbers(values)])
}

function curveTag(transfer: Transfer): Buffer {
  const tag = Buffer.alloc(12 + 2 * CURVE_POINTS)
  tag.write('curv', 'latin1')
  tag.writeUInt32BE(CURVE_POINTS, 8)
  for (let k = 0; k < CURVE_POINTS; k++) {
    const light = Math.min(1, Math.max(0, transfer(k / (CURVE_POINTS - 1))))
    tag.writeUInt16BE(Math.round(light * 65535), 12 + 2 * k)
  }
  return tag
}

/** Its Unicode and Macintosh texts are empty. */
function descriptionTag(text: string): Buffer {
  const tag = Buffer.alloc((12 + text.length + 1 + 78 + 3) & ~3)
  tag.write('desc', 'latin1')
  tag.writeUInt32BE(text.length + 1, 8)
  tag.write(text, 12, 'latin1')
  return tag
}
