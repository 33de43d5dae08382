import { type FileHandle, open, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { readable } from '../findings.ts'
import { ImportRefusedError } from '../refusal.ts'
import { gunzip } from './gunzip.ts'
import type { Listing, Skip } from './listing.ts'
import { isTar, listTar } from './tar.ts'
import { listZip } from './zip.ts'

const HEAD = 512
const TAKEN = 'Send a .zip, .tar or .tar.gz.'

/** By their first bytes, in latin-1. */
const OTHERS: [what: string, ...signatures: string[]][] = [
  ['a 7z archive', '7z\xbc\xaf\x27\x1c'],
  ['a RAR archive', 'Rar!\x1a\x07'],
  ['packed by bzip2', 'BZh'],
  ['packed by xz', '\xfd7zXZ\0'],
  ['packed by Zstandard', '\x28\xb5\x2f\xfd'],
  ['packed by lz4', '\x04\x22\x4d\x18'],
  ['a part of a .zip in several', 'PK\x07\x08'],
  ['a single picture', '\xff\xd8\xff', '\x89PNG', 'GIF8'],
  ['a PDF', '%PDF-'],
]

/**
 * Opens an archive, which its bytes tell and not its name, for a task.
 * @param scratch  a folder: a .tar.gz is unpacked into one file there, as its files cannot be found in it otherwise
 * @throws ImportRefusedError
 */
export async function withArchive<Result>(
  { path, name }: { path: string; name: string },
  options: { scratch: string; maxBytes: number; skip: Skip; progress(): void },
  task: (listing: Listing) => Promise<Result>,
): Promise<Result> {
  const { scratch, maxBytes, skip, progress } = options
  return withFile(path, async (handle) => {
    const { head, size } = await headOf(handle)
    if (size === 0) throw new ImportRefusedError(`${readable(name)} is empty: 0 bytes. ${TAKEN}`)
    if (head.startsWith('PK\x03\x04') || head.startsWith('PK\x05\x06'))
      return task(await listZip(handle, maxBytes, skip))
    if (isTar(Buffer.from(head, 'latin1'))) return task(await listTar(handle, maxBytes, skip))
    if (!head.startsWith('\x1f\x8b')) throw unknown(name, head)
    const unpacked = join(scratch, 'archive.tar')
    try {
      await gunzip(path, unpacked, maxBytes, progress)
      return await withFile(unpacked, async (tar) => {
        const inner = await headOf(tar)
        if (isTar(Buffer.from(inner.head, 'latin1'))) return task(await listTar(tar, maxBytes, skip))
        throw new ImportRefusedError(`${readable(name)} is a .gz, and what it holds is no .tar. ${TAKEN}`)
      })
    } finally {
      await rm(unpacked, { force: true })
    }
  })
}

async function withFile<Result>(
  path: string,
  task: (handle: FileHandle) => Promise<Result>,
): Promise<Result> {
  const handle = await open(path)
  try {
    return await task(handle)
  } finally {
    await handle.close()
  }
}

async function headOf(handle: FileHandle): Promise<{ head: string; size: number }> {
  const { size } = await handle.stat()
  const { buffer, bytesRead } = await handle.read(Buffer.alloc(HEAD), 0, HEAD, 0)
  return { head: buffer.toString('latin1', 0, bytesRead), size }
}

function unknown(name: string, head: string): ImportRefusedError {
  const other = OTHERS.find(([, ...signatures]) => signatures.some((start) => head.startsWith(start)))
  const what = other === undefined ? 'no archive' : `${other[0]}, which is not read`
  return new ImportRefusedError(`${readable(name)} is ${what}. ${TAKEN}`)
}
