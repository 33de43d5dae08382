import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { openDatabase } from '../../../src/db/client.ts'
import { closePGlite, openPGlite } from '../../../src/db/pglite.ts'
import { StorageFullError } from '../../../src/errors.ts'
import { placeEmbeddedDatabase } from '../../support/embedded-database.ts'
import { mountSmallDisk, type SmallDisk, skipsSmallDisks } from '../../support/small-disk.ts'

let disk: SmallDisk | undefined
afterEach(() => disk?.unmount())

async function databaseOn(mebibytes: number) {
  disk = mountSmallDisk(mebibytes)
  const folder = join(disk.folder, 'database')
  await placeEmbeddedDatabase(folder)
  return {
    disk,
    folder,
    segments: () => readdirSync(join(folder, 'pg_wal')).filter((it) => it.length === 24),
  }
}

describe.skipIf(skipsSmallDisks)('on a disk that becomes full', () => {
  test('writes are refused and leave nothing half done, what is there is read and deleted, and all goes on with room', async () => {
    const { disk, folder, segments } = await databaseOn(200)
    const { prisma, close } = await openDatabase({ folder })
    const run = (sql: string) => prisma.$executeRawUnsafe(sql)
    const count = async () =>
      (await prisma.$queryRawUnsafe<{ n: number }[]>('SELECT count(*)::int AS n FROM t'))[0]!.n
    await run('CREATE TABLE t (id serial PRIMARY KEY, s text)')
    const grow = (rows: number) =>
      run(`INSERT INTO t (s) SELECT repeat('x', 1000) FROM generate_series(1, ${rows})`)
    await grow(30_000)
    expect(segments().length).toBeGreaterThanOrEqual(3)

    // Room for a while: a statement that needs more fails in its midst.
    disk.fill(24 * 2 ** 20)
    await expect(grow(60_000)).rejects.toThrow(StorageFullError)
    expect(await count()).toBe(30_000)

    disk.fill(0)
    await expect(grow(1)).rejects.toThrow(StorageFullError)
    await expect(
      prisma.$transaction(async (tx) => {
        await tx.$executeRawUnsafe('DELETE FROM t WHERE id = 1')
        await tx.$executeRawUnsafe("UPDATE t SET s = 'y' WHERE id = 2")
      }),
    ).rejects.toThrow(StorageFullError)
    expect(await count()).toBe(30_000)
    // Each writes 8 MB of log or so: more than lies ahead, were it not for the checkpoints between them.
    for (let from = 0; from < 30_000; from += 6_000) {
      await run(`DELETE FROM t WHERE id > ${from} AND id <= ${from + 6_000}`)
    }
    expect(await count()).toBe(0)

    disk.empty()
    await expect.poll(() => grow(1).catch(() => 0), { timeout: 30_000 }).toBe(1)
    await close()
    const again = await openDatabase({ folder })
    expect(await again.prisma.$queryRawUnsafe('SELECT count(*)::int AS n FROM t')).toEqual([{ n: 1 }])
    await again.close()
  })

  test('a start says which disk it is', async () => {
    const { disk, folder } = await databaseOn(80)
    disk.fill(0)
    await expect(openDatabase({ folder })).rejects.toThrow(
      `The disk of ${disk.folder} is full: 0 MiB are free`,
    )
  })

  test('a panic for want of log ends the process with one line, and the next start has all that was answered', async () => {
    const { disk, folder } = await databaseOn(120)
    const script = join(import.meta.dirname, 'child.ts')
    const child = spawn(process.execPath, [
      '--liftoff-only',
      '--import',
      'tsx',
      script,
      'panic',
      folder,
      disk.folder,
    ])
    let stderr = ''
    child.stderr.on('data', (text) => {
      stderr += text
    })
    const [code, signal] = await once(child, 'close')
    expect([code, signal]).toEqual([1, null])
    expect(stderr.trim().split('\n')).toEqual([
      expect.stringMatching(
        /^vggzoo ends: the embedded database in .* cannot go on \(could not write to file "pg_wal.*No space left on device\)\. Nothing that was answered is lost; .* start again\.$/,
      ),
    ])
    disk.empty()
    const again = await openPGlite(folder)
    expect((await again.pg.query('SELECT n FROM u')).rows).toEqual([{ n: 1 }])
    await closePGlite(again)
  })
})
