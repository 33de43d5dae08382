import { readdir, stat } from 'node:fs/promises'
import { basename, join, resolve } from 'node:path'
import { Header, Pax } from 'tar'
import { Failure } from './command.ts'
import { fileOf, reading } from './files.ts'

const BLOCK = 512
/** Of an archive's last two blocks. */
const END = new Uint8Array(2 * BLOCK)

/**
 * A folder as a .tar, whose files are read while it is sent. Links and hidden files are left out.
 * @throws UnreadableFile of it; Failure when there is none
 */
export async function tarOf(folder: string): Promise<Blob> {
  const parts: BlobPart[] = []
  for await (const path of filesIn(folder, '')) {
    const file = join(folder, path)
    const { size, mtime } = await reading(file, () => stat(file))
    parts.push(headerOf(path, size, mtime), await fileOf(file))
    if (size % BLOCK !== 0) parts.push(new Uint8Array(BLOCK - (size % BLOCK)))
  }
  if (parts.length === 0) throw new Failure(`${folder} has no files.`)
  return new File([...parts, END], `${basename(resolve(folder))}.tar`) as Blob
}

/** Paths below the folder, with / between their parts. */
async function* filesIn(folder: string, below: string): AsyncGenerator<string> {
  const here = join(folder, below)
  const entries = await reading(here, () => readdir(here, { withFileTypes: true }))
  for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    if (entry.name.startsWith('.')) continue
    const path = below === '' ? entry.name : `${below}/${entry.name}`
    if (entry.isDirectory()) yield* filesIn(folder, path)
    else if (entry.isFile()) yield path
  }
}

function headerOf(path: string, size: number, mtime: Date): Uint8Array<ArrayBuffer> {
  const entry = { path, size, mtime, mode: 0o644, type: 'File' } as const
  const header = new Header(entry)
  const block = Buffer.alloc(BLOCK)
  // Of a name that has no room there, or letters beyond ASCII.
  const needsMore = header.encode(block, 0) || /[^ -~]/.test(path)
  return Uint8Array.from(needsMore ? Buffer.concat([new Pax({ path }).encode(), block]) : block)
}
