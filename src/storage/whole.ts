import type { FileHandle } from 'node:fs/promises'

/** Linux reads and writes 2 GiB at once at most. */
const MOST_BYTES = 2 ** 30

/**
 * Writes all of the bytes: the system may take fewer at once, as it does when they are many or the disk is nearly full,
 * and only the next call says so.
 * @param position  in the file; behind what was written last when left out
 */
export async function writeWhole(
  file: Pick<FileHandle, 'write'>,
  bytes: Uint8Array,
  position?: number,
): Promise<void> {
  for (let at = 0; at < bytes.length; ) {
    const length = Math.min(bytes.length - at, MOST_BYTES)
    const place = position === undefined ? undefined : position + at
    at += (await file.write(bytes, at, length, place)).bytesWritten
  }
}

/**
 * Fills `into` with what the file has from a position on.
 * @returns false where the file ends before
 */
export async function readWhole(
  file: Pick<FileHandle, 'read'>,
  into: Uint8Array,
  position: number,
): Promise<boolean> {
  for (let at = 0; at < into.length; ) {
    const { bytesRead } = await file.read(into, at, Math.min(into.length - at, MOST_BYTES), position + at)
    if (bytesRead === 0) return false
    at += bytesRead
  }
  return true
}
