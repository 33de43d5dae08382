import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { readWhole, writeWhole } from '../../../src/storage/whole.ts'
import { temporaryFolder } from '../../support/temporary-folder.ts'

const BYTES = Uint8Array.from({ length: 10 }, (_, at) => at)

/** A file of a system that takes and gives three bytes at once, as one may whose disk is nearly full. */
async function withFile<Result>(
  task: (file: Parameters<typeof readWhole>[0] & Parameters<typeof writeWhole>[0]) => Promise<Result>,
) {
  const file = await open(join(temporaryFolder(), 'file'), 'w+')
  try {
    return await task({
      write: ((bytes: Uint8Array, offset: number, length: number, position?: number) =>
        file.write(bytes, offset, Math.min(3, length), position)) as typeof file.write,
      read: ((into: Uint8Array, offset: number, length: number, position: number) =>
        file.read(into, offset, Math.min(3, length), position)) as typeof file.read,
    })
  } finally {
    await file.close()
  }
}

test('all is written and read, however little the system takes at once', () =>
  withFile(async (file) => {
    await writeWhole(file, BYTES.subarray(0, 4))
    await writeWhole(file, BYTES.subarray(4))
    const read = new Uint8Array(10)
    expect(await readWhole(file, read, 0)).toBe(true)
    expect(read).toEqual(BYTES)
    await writeWhole(file, BYTES, 5)
    expect(await readWhole(file, read, 5)).toBe(true)
    expect(read).toEqual(BYTES)
  }))

test('a file that ends before is told', () =>
  withFile(async (file) => {
    await writeWhole(file, BYTES)
    expect(await readWhole(file, new Uint8Array(5), 6)).toBe(false)
  }))

test('what the system refuses is thrown', () =>
  withFile(async (file) => {
    const full = Object.assign(new Error('no room'), { code: 'ENOSPC' })
    let calls = 0
    const write = ((...all: Parameters<typeof file.write>) => {
      if (++calls > 2) throw full
      return file.write(...all)
    }) as typeof file.write
    await expect(writeWhole({ write }, BYTES, 0)).rejects.toBe(full)
  }))
