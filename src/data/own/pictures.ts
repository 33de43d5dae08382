import { readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Split } from '../dataset-facts.ts'

/** A picture that was sent, beside the list that names it. */
export interface GivenPicture {
  /** What its sender calls it. */
  name: string
  /** Of its bytes, in the folder of the list. */
  file: string
  bytes: number
  label: string
  split: Split | null
}

const LIST = 'pictures.json'

/** @param folder  that the pictures are in */
export async function writePictures(folder: string, pictures: readonly GivenPicture[]): Promise<void> {
  // The old one or the new one, whatever happens on the way.
  await writeFile(join(folder, `${LIST}.new`), JSON.stringify(pictures))
  await rename(join(folder, `${LIST}.new`), join(folder, LIST))
}

export async function readPictures(folder: string): Promise<GivenPicture[]> {
  return JSON.parse(await readFile(join(folder, LIST), 'utf8')) as GivenPicture[]
}
