import { type FileHandle, open, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { readWhole } from '../../storage/whole.ts'

/*
 * The features of training pictures, as a network sees them: a file of rows, and beside it what they are of, in JSON. A
 * row is the length of the vector of codes as a float32, then a code for each unit, int16: the feature beside the largest
 * of the row, which has 32767. Directions are kept to a part in 10^5 at half the bytes of float32; lengths are not kept.
 */

export interface FeatureFacts {
  /** Of the training split. */
  pictures: number
  /** Those that have a row: all where there is room, else as many as there is, evenly over the split. */
  rows: number
  units: number
}

const ROWS = 'features.bin'
const FACTS = 'features.json'
const LARGEST = 32767
/** Read or written at once. */
const PIECE_BYTES = 4 * 2 ** 20

const rowBytes = (units: number) => 4 + 2 * units

/** As many pictures as there is room for. */
export function factsFor(pictures: number, units: number, maxBytes: number): FeatureFacts {
  return { pictures, units, rows: Math.max(1, Math.min(pictures, Math.floor(maxBytes / rowBytes(units)))) }
}

/** The place in the split of the picture that a row is of. */
export function pictureOf({ pictures, rows }: FeatureFacts, row: number): number {
  return Math.floor((row * pictures) / rows)
}

/** Writes rows in their order: batches of features [n, units]. */
export async function writeFeatures(
  folder: string,
  facts: FeatureFacts,
  batches: AsyncIterable<Float32Array>,
): Promise<void> {
  const handle = await open(join(folder, ROWS), 'w')
  try {
    for await (const features of batches) await handle.appendFile(encodeRows(features, facts.units))
  } finally {
    await handle.close()
  }
  await writeFile(join(folder, FACTS), JSON.stringify(facts))
}

function encodeRows(features: Float32Array, units: number): Uint8Array {
  const bytes = rowBytes(units)
  const rows = new Uint8Array((features.length / units) * bytes)
  const view = new DataView(rows.buffer)
  for (let row = 0; row * units < features.length; row++) {
    const vector = features.subarray(row * units, (row + 1) * units)
    const codes = new Int16Array(rows.buffer, row * bytes + 4, units)
    const scale = LARGEST / (vector.reduce((most, value) => Math.max(most, Math.abs(value)), 0) || 1)
    let squares = 0
    for (let unit = 0; unit < units; unit++) {
      codes[unit] = Math.round(vector[unit]! * scale)
      squares += codes[unit]! ** 2
    }
    view.setFloat32(row * bytes, Math.sqrt(squares), true)
  }
  return rows
}

export interface Nearest {
  /** Place in the training split. */
  index: number
  /** 1 - cosine of the angle between the features: 0 for the same direction; 1 where they have nothing in common. */
  distance: number
}

/**
 * The pictures whose features point most nearly where these do, the nearest first. Reads all rows, and keeps a few MB of
 * them in memory at a time.
 */
export async function nearest(folder: string, features: Float32Array, first: number): Promise<Nearest[]> {
  const facts = await readFacts(folder)
  if (facts.units !== features.length) {
    throw new Error(`${folder} has features of ${facts.units} units, and not of ${features.length}.`)
  }
  const length = Math.sqrt(features.reduce((sum, value) => sum + value ** 2, 0))
  const found: Nearest[] = []
  const handle = await open(join(folder, ROWS))
  try {
    for await (const { first: from, rows } of piecesOf(handle, facts)) {
      for (const [i, { codes, codesLength }] of rows.entries()) {
        let product = 0
        for (let unit = 0; unit < codes.length; unit++) product += codes[unit]! * features[unit]!
        const cosine = product / (codesLength * length || Number.POSITIVE_INFINITY)
        insert(found, { index: pictureOf(facts, from + i), distance: Math.max(0, 1 - cosine) }, first)
      }
    }
  } finally {
    await handle.close()
  }
  return found
}

async function readFacts(folder: string): Promise<FeatureFacts> {
  const file = await open(join(folder, FACTS))
  try {
    return JSON.parse(await file.readFile('utf8')) as FeatureFacts
  } finally {
    await file.close()
  }
}

/** The rows that are good until the next ones are asked for. */
async function* piecesOf(handle: FileHandle, { rows, units }: FeatureFacts) {
  const bytes = rowBytes(units)
  const atOnce = Math.max(1, Math.min(rows, Math.floor(PIECE_BYTES / bytes)))
  const piece = new Uint8Array(atOnce * bytes)
  const view = new DataView(piece.buffer)
  const places = Array.from({ length: atOnce }, (_, i) => ({
    codes: new Int16Array(piece.buffer, i * bytes + 4, units),
    get codesLength() {
      return view.getFloat32(i * bytes, true)
    },
  }))
  for (let first = 0; first < rows; first += atOnce) {
    const count = Math.min(atOnce, rows - first)
    if (!(await readWhole(handle, piece.subarray(0, count * bytes), first * bytes))) {
      throw new Error(`The file of features ends before row ${first + count} of ${rows}.`)
    }
    yield { first, rows: places.slice(0, count) }
  }
}

/** Keeps the nearest, in order; of equals the first comes first. */
function insert(found: Nearest[], one: Nearest, most: number): void {
  if (found.length === most && one.distance >= found.at(-1)!.distance) return
  const after = found.findIndex(({ distance }) => distance > one.distance)
  found.splice(after === -1 ? found.length : after, 0, one)
  if (found.length > most) found.pop()
}
