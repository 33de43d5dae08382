import { type FileHandle, open, rm } from 'node:fs/promises'
import { readWhole, writeWhole } from '../../storage/whole.ts'

/** Images that are read, on their way to the prepared file, whose places they get when all are known. In a file, as they are too many for memory. */
export interface PixelStore {
  /** -> its place here, to get it again */
  put(pixels: Uint8Array): Promise<number>
  get(place: number): Promise<Uint8Array>
  close(): Promise<void>
}

/** @param bytes  of each image */
export async function createPixelStore(file: string, bytes: number): Promise<PixelStore> {
  const handle: FileHandle = await open(file, 'w+')
  let count = 0
  return {
    async put(pixels) {
      if (pixels.length !== bytes) throw new Error(`An image has ${pixels.length} bytes and not ${bytes}.`)
      const place = count++
      await writeWhole(handle, pixels, place * bytes)
      return place
    },
    async get(place) {
      const pixels = new Uint8Array(bytes)
      if (!(await readWhole(handle, pixels, place * bytes))) {
        throw new Error(`The image at ${place} ends too early.`)
      }
      return pixels
    },
    async close() {
      await handle.close()
      await rm(file, { force: true })
    },
  }
}
