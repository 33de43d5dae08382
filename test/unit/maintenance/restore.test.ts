import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { Header } from 'tar'
import { beforeEach, describe, expect, test } from 'vitest'
import { readMigrations } from '../../../src/db/migrations.ts'
import { claim } from '../../../src/db/single-owner.ts'
import { FORMAT, sumsOf } from '../../../src/maintenance/format.ts'
import { readBackup } from '../../../src/maintenance/read-backup.ts'
import { restoreBackup } from '../../../src/maintenance/restore.ts'
import { endOfTar, headerOf, paddingOf } from '../../../src/maintenance/tar.ts'
import { prepareDataFolder } from '../../../src/storage/data-folder.ts'
import { temporaryFolder } from '../../support/temporary-folder.ts'

const AT = new Date('2030-01-02T03:04:05Z')
const FACTS = {
  format: FORMAT,
  vggzoo: '0.1.0',
  at: AT.toISOString(),
  database: 'pglite',
  migration: readMigrations().list.at(-1)!.name,
  pausedMs: 1,
  files: 2,
  bytes: 3,
}
const DIGEST = 'ab'.repeat(32)
const CONTENT: Record<string, string | null> = {
  database: null,
  'database/PG_VERSION': '17\n',
  'database/pg_notify': null,
  [`artifacts/${DIGEST}.safetensors`]: 'weights'.repeat(1000),
  'datasets/pets@2.bin': 'pictures',
}

let folder: string
beforeEach(() => {
  folder = temporaryFolder()
})

const entry = (path: string, content: string | null): Buffer =>
  content === null
    ? headerOf(path, null, AT)
    : Buffer.concat([headerOf(path, content.length, AT), Buffer.from(content), paddingOf(content.length)])

const sums = (content: Record<string, string | null>) =>
  sumsOf(
    new Map(
      Object.entries(content).flatMap(([path, text]) =>
        text === null ? [] : [[path, createHash('sha256').update(text).digest('hex')] as const],
      ),
    ),
  )

/** @param last  after the content; the digests and the end when left out */
function archive(
  content = CONTENT,
  facts: object = FACTS,
  last: Buffer[] = [entry('SHA256SUMS', sums(content)), endOfTar()],
): Buffer {
  const entries = Object.entries(content).map(([path, text]) => entry(path, text))
  return Buffer.concat([entry('backup.json', JSON.stringify(facts)), ...entries, ...last])
}

function saved(bytes: Buffer, name = 'backup.tar'): string {
  const file = join(folder, name)
  writeFileSync(file, bytes)
  return file
}

const target = () => join(folder, 'data')

/** What there is below a folder, sorted. */
const below = (path: string) => readdirSync(path, { recursive: true }).map(String).sort()

describe('a backup that is put back', () => {
  test.each([
    ['a folder that is not there', (_path: string) => {}],
    ['an empty folder', (path: string) => mkdirSync(path)],
    ['the root of an empty disk', (path: string) => mkdirSync(join(path, 'lost+found'), { recursive: true })],
  ])('fills %s, and a server can start there', async (_where, make) => {
    make(target())
    await expect(restoreBackup(saved(archive()), target())).resolves.toEqual(FACTS)
    const found = below(target()).filter((name) => name !== 'lost+found')
    const expected = new Set([...Object.keys(CONTENT), 'artifacts', 'datasets'])
    expect(found).toEqual([...expected].sort())
    for (const [path, text] of Object.entries(CONTENT)) {
      if (text !== null) expect(readFileSync(join(target(), path), 'utf8')).toBe(text)
      else expect(statSync(join(target(), path)).isDirectory()).toBe(true)
    }
    prepareDataFolder(target())
  })

  test('may be packed by gzip, whatever its name is', async () => {
    await restoreBackup(saved(gzipSync(archive())), target())
    expect(readFileSync(join(target(), 'datasets/pets@2.bin'), 'utf8')).toBe('pictures')
  })

  test('takes the place of nothing', async () => {
    mkdirSync(target())
    writeFileSync(join(target(), 'engines.json'), '{}')
    await expect(restoreBackup(saved(archive()), target())).rejects.toThrow(/is not empty \(engines\.json\)/)
    expect(below(target())).toEqual(['engines.json'])
    await expect(restoreBackup(saved(archive()), join(target(), 'engines.json'))).rejects.toThrow(
      /cannot be used: a file stands in the place of a folder/,
    )
  })

  test('waits for no folder that another process has', async () => {
    const owner = await claim(target())
    await expect(restoreBackup(saved(archive()), target())).rejects.toThrow(/is in use by another/)
    await owner.release()
    await restoreBackup(saved(archive()), target())
  })

  test('that was broken off is neither a server’s folder nor one to restore into', async () => {
    mkdirSync(join(target(), '.restoring'), { recursive: true })
    expect(() => prepareDataFolder(target())).toThrow(
      /a backup is being restored into it, or that was broken/,
    )
    await expect(restoreBackup(saved(archive()), target())).rejects.toThrow(/was broken off\. Remove/)
  })

  test('that is left on the way leaves nothing', async () => {
    const leaving = new AbortController()
    leaving.abort(new Error('left'))
    await expect(restoreBackup(saved(archive()), target(), leaving.signal)).rejects.toThrow('left')
    expect(existsSync(target())).toBe(false)
  })
})

const flipped = (bytes: Buffer, at: number) => {
  const copy = Buffer.from(bytes)
  copy[at]! ^= 1
  return copy
}
const whole = archive()
const symlink = () => {
  const block = Buffer.alloc(512)
  new Header({ path: 'artifacts/a', type: 'SymbolicLink', linkpath: '/etc/passwd', size: 0 }).encode(block, 0)
  return block
}
const { 'datasets/pets@2.bin': _, ...less } = CONTENT

describe('a backup that is not whole and right', () => {
  test.each<[string, Buffer, RegExp]>([
    ['has nothing in it', Buffer.alloc(0), /it is cut short/],
    ['is something else', Buffer.from('x'.repeat(5000)), /at byte 0 there is no header/],
    ['is another .tar', Buffer.concat([entry('a', 'b'), endOfTar()]), /does not begin with backup\.json/],
    ['is cut in a header', whole.subarray(0, 700), /it is cut short/],
    ['is cut in a file', whole.subarray(0, 6000), /it is cut short/],
    ['is cut before its digests', archive(CONTENT, FACTS, []), /it is cut short/],
    ['ends without its digests', archive(CONTENT, FACTS, [endOfTar()]), /ends without SHA256SUMS/],
    [
      'is cut before its end',
      archive(CONTENT, FACTS, [entry('SHA256SUMS', sums(CONTENT))]),
      /it is cut short/,
    ],
    ['is packed and cut', gzipSync(whole).subarray(0, 300), /unexpected end of file/],
    ['is packed and altered', flipped(gzipSync(whole), 200), /not a whole backup/],
    ['has an altered byte in a file', flipped(whole, whole.indexOf('weights')), /is damaged: its sha256/],
    ['has an altered byte in a header', flipped(whole, whole.indexOf('PG_VERSION')), /there is no header/],
    ['lacks a file', archive(less, FACTS, [entry('SHA256SUMS', sums(CONTENT)), endOfTar()]), /is missing/],
    [
      'has a file that it does not name',
      archive(CONTENT, FACTS, [entry('SHA256SUMS', sums(less)), endOfTar()]),
      /pets@2\.bin is not in SHA256SUMS/,
    ],
    [
      'goes on after its digests',
      archive(CONTENT, FACTS, [entry('SHA256SUMS', sums(CONTENT)), entry('database/a', 'b'), endOfTar()]),
      /comes after SHA256SUMS/,
    ],
    ['leads out of its folder', archive({ 'database/../../a': 'b' }), /it holds "database\/\.\.\/\.\.\/a"/],
    ['leads to a root', archive({ '/etc/a': 'b' }), /it holds/],
    ['has what no backup has', archive({ 'engines.json': '{}' }), /it holds "engines\.json"/],
    ['has a link', archive({}, FACTS, [symlink(), endOfTar()]), /neither a file nor a folder/],
    [
      'was broken off by the server',
      archive(CONTENT, FACTS, [entry('FAILED', 'The disk fails.'), endOfTar()]),
      /could not finish it\. The disk fails\./,
    ],
    ['is of another format', archive(CONTENT, { ...FACTS, format: 2 }), /format that this version does not/],
    [
      'is of a newer database',
      archive(CONTENT, { ...FACTS, migration: '29991231235959_later' }),
      /does not know \(migration 29991231235959_later\)/,
    ],
  ])('is refused, and nothing of it stays: one that %s', async (_what, bytes, why) => {
    const file = saved(bytes)
    await expect(restoreBackup(file, target())).rejects.toThrow(why)
    expect(existsSync(target())).toBe(false)
    mkdirSync(target())
    await expect(restoreBackup(file, target())).rejects.toThrow(why)
    expect(below(target())).toEqual([])
  })

  test('is told apart without being put back', async () => {
    await expect(readBackup(saved(whole))).resolves.toEqual(FACTS)
    await expect(readBackup(saved(whole.subarray(0, 6000)))).rejects.toThrow(/not a whole backup/)
    await expect(readBackup(join(folder, 'none.tar'))).rejects.toThrow(/none\.tar cannot be read \(ENOENT\)/)
  })
})
