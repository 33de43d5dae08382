import { DamagedFileError, type OriginFile } from '../origin/listing.ts'
import { ImportRefusedError } from '../refusal.ts'

/** A file that a whole data set depends on: the import ends where it is damaged. */
export async function* wholeContentOf(file: OriginFile): AsyncGenerator<Uint8Array, void> {
  try {
    yield* file.open()
  } catch (error) {
    if (!(error instanceof DamagedFileError)) throw error
    throw new ImportRefusedError(`${file.path} cannot be read: ${error.message}`)
  }
}

/** The same at once, of a file that must be small. */
export async function smallContentOf(file: OriginFile, maxBytes: number): Promise<Buffer> {
  if (file.bytes > maxBytes) {
    throw new ImportRefusedError(`${file.path} has ${file.bytes} bytes; at most ${maxBytes} are read.`)
  }
  const pieces: Uint8Array[] = []
  for await (const piece of wholeContentOf(file)) pieces.push(piece)
  return Buffer.concat(pieces)
}

/** Records of one length out of a stream of bytes, whatever pieces it comes in; a last one that is not whole is left away. */
export async function* recordsOf(
  pieces: AsyncIterable<Uint8Array>,
  length: number,
): AsyncGenerator<Uint8Array, void> {
  let rest: Uint8Array = new Uint8Array(0)
  for await (const piece of pieces) {
    const bytes = rest.length === 0 ? piece : Buffer.concat([rest, piece])
    let at = 0
    for (; at + length <= bytes.length; at += length) yield bytes.subarray(at, at + length)
    rest = bytes.subarray(at)
  }
}
