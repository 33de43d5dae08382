import { mkdir, rm } from 'node:fs/promises'

/** Makes a folder that has nothing in it, whatever was there. */
export async function emptyFolder(folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true })
  await mkdir(folder, { recursive: true })
}
