import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { writeDurably } from '../../storage/durable.ts'
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

/**
 * The list is on the disk when this resolves, and so are the names of the pictures.
 * @param folder  that the pictures are in
 */
export async function writePictures(folder: string, pictures: readonly GivenPicture[]): Promise<void> {
  await writeDurably(join(folder, LIST), JSON.stringify(pictures))
}

export async function readPictures(folder: string): Promise<GivenPicture[]> {
  return JSON.parse(await readFile(join(folder, LIST), 'utf8')) as GivenPicture[]
}
