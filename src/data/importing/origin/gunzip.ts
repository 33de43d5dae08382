import { createReadStream, createWriteStream } from 'node:fs'
import { pipeline } from 'node:stream/promises'
import { createGunzip } from 'node:zlib'
import { ImportRefusedError } from '../refusal.ts'

/**
 * Unpacks a .gz into a file.
 * @param maxBytes  that it may have unpacked: it ends with the first one more
 * @param progress  called now and then
 * @throws ImportRefusedError
 */
export async function gunzip(
  from: string,
  to: string,
  maxBytes: number,
  progress: () => void,
): Promise<void> {
  let bytes = 0
  try {
    await pipeline(
      createReadStream(from),
      createGunzip(),
      async function* (pieces: AsyncIterable<Buffer>) {
        for await (const piece of pieces) {
          bytes += piece.length
          if (bytes > maxBytes) {
            throw new ImportRefusedError(
              `Unpacked, the archive has more than the ${maxBytes} bytes that are taken: send fewer or smaller pictures.`,
            )
          }
          progress()
          yield piece
        }
      },
      createWriteStream(to),
    )
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (!code?.startsWith('Z_')) throw error
    throw new ImportRefusedError(
      `The .gz is damaged or cut short (${message}). Pack it anew, and send all of it.`,
    )
  }
}
