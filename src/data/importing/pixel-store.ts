import { type FileHandle, open, rm } from 'node:fs/promises'

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
      for (let at = 0; at < bytes; ) {
        at += (await handle.write(pixels, at, bytes - at, place * bytes + at)).bytesWritten
      }
      return place
    },
    async get(place) {
      const pixels = new Uint8Array(bytes)
      for (let at = 0; at < bytes; ) {
        const { bytesRead } = await handle.read(pixels, at, bytes - at, place * bytes + at)
        if (bytesRead === 0) throw new Error(`The image at ${place} ends too early.`)
        at += bytesRead
      }
      return pixels
    },
    async close() {
      await handle.close()
      await rm(file, { force: true })
    },
  }
}
