import { linkSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { deflateRawSync, gzipSync } from 'node:zlib'
import { beforeAll, describe, expect, test } from 'vitest'
import type { ImportOrigin } from '../../../../src/data/importing/protocol.ts'
import { type TarEntry, tarOf, type ZipEntry, zipOf } from '../../../support/archives.ts'
import { archive, classFolders, entriesOf, folderOf, importing, picture } from '../../../support/importing.ts'
import { temporaryFolder } from '../../../support/temporary-folder.ts'

let good: { name: string; bytes: Buffer }[]
beforeAll(async () => {
  good = entriesOf(await classFolders({ cat: 3, dog: 3 }))
})

/** What the import says of the entries that stand beside good ones; those are imported all the same. */
async function toldOf(origin: ImportOrigin): Promise<Record<string, string>> {
  const { findings, facts } = await importing(origin)
  expect(facts).toMatchObject({ classes: ['cat', 'dog'], count: { train: 4, test: 2 } })
  const files = findings.filter(({ kind }) => kind !== 'FEW_PICTURES')
  return Object.fromEntries(files.map(({ kind, path, message }) => [path, `${kind}: ${message}`]))
}
const ofZip = (...entries: ZipEntry[]) => toldOf(archive(zipOf([...good, ...entries])))
const ofTar = (...entries: TarEntry[]) => toldOf(archive(tarOf([...good, ...entries]), 'pets.tar'))

describe('an archive of a stranger', () => {
  test.each<[string, string, RegExp]>([
    ['a way up', '../../cat/x.png', /leads out of the archive/],
    ['a way up in the middle', 'cat/../../x.png', /leads out of the archive/],
    ['the root', '/etc/cat/x.png', /absolute/],
    ['backslashes that lead up', '..\\..\\cat\\x.png', /leads out of the archive/],
    ['a drive', 'C:\\cat\\x.png', /drive/],
    ['a NUL', 'cat/x.png\0.txt', /control characters/],
    ['a line end', 'cat/x\n.png', /control characters/],
    ['a very long path', `cat/${'x'.repeat(5000)}.png`, /longer than 1024/],
    ['a very deep path', `${'a/'.repeat(60)}x.png`, /32 folders deep/],
  ])('has no file at %s, and the others are imported', async (_what, name, why) => {
    const bytes = await picture(77)
    const [[path, said]] = Object.entries(await ofZip({ name, bytes })) as [[string, string]]
    expect(said).toMatch(/^SKIPPED: .*: left out\.$/)
    expect(said).toMatch(why)
    expect(path.length).toBeLessThan(400)
    expect(path).not.toMatch(/[\0\n]/)
    if (!/[\0\n]/.test(name))
      expect(Object.values(await ofTar({ name, bytes, isPax: true })).join()).toMatch(why)
  })

  test('has no links and devices that are followed', async () => {
    expect(
      await ofTar(
        { name: 'cat/a.png', type: 'SymbolicLink', link: '/etc/passwd' },
        { name: 'cat/b.png', type: 'Link', link: 'cat/0.png' },
        { name: 'cat/c.png', type: 'CharacterDevice' },
        { name: 'cat/d.png', type: 'FIFO' },
      ),
    ).toEqual({
      'cat/a.png': 'SKIPPED: It is a link, and links are not followed: left out.',
      'cat/b.png': 'SKIPPED: It is a link, and links are not followed: left out.',
      'cat/c.png': 'SKIPPED: It is no file (CharacterDevice): left out.',
      'cat/d.png': 'SKIPPED: It is no file (FIFO): left out.',
    })
    expect(await ofZip({ name: 'cat/a.png', bytes: Buffer.from('/etc/passwd'), mode: 0o120777 })).toEqual({
      'cat/a.png': 'SKIPPED: It is a link, and links are not followed: left out.',
    })
  })

  test('has names in any encoding', async () => {
    const bytes = await picture(70)
    const latin = Buffer.from('caf\xe9/1.png', 'latin1')
    const entries = [
      ...good,
      { name: 'cafe\u0301/0.png', bytes: await picture(71) },
      { name: '猫/🐈.png', bytes: await picture(72) },
    ]
    const tar = await importing(archive(tarOf([...entries, { name: latin, bytes }])))
    expect(tar.facts.classes).toEqual(['café', 'cat', 'dog', '猫'])
    expect(tar.facts.count).toEqual({ train: 6, test: 3 })
    // Code page 437 has é at 0x82.
    const dos = Buffer.from('caf\x82/1.png', 'latin1')
    const zip = await importing(archive(zipOf([...entries, { name: dos, bytes }])))
    expect([zip.facts, zip.digest]).toEqual([tar.facts, tar.digest])
    // Said to be UTF-8, and not.
    expect((await importing(archive(zipOf([...entries, { name: dos, bytes, flags: 0x800 }])))).digest).toBe(
      tar.digest,
    )
  })

  test('has entries that cannot be read, each of which is told of', async () => {
    const bytes = await picture(77)
    const half = deflateRawSync(bytes).subarray(0, 500)
    const told = await ofZip(
      { name: 'cat/encrypted.png', bytes, flags: 1 },
      { name: 'cat/lzma.png', bytes, method: 14 },
      { name: 'cat/short.png', bytes, claims: { size: bytes.length - 10 } },
      { name: 'cat/long.png', bytes, claims: { size: bytes.length + 10 } },
      { name: 'cat/sum.png', bytes, claims: { crc: 1 } },
      { name: 'cat/noise.png', bytes: half, method: 0, claims: { crc: 5 } },
      { name: 'cat/large.png', bytes, claims: { size: 21 * 2 ** 20 } },
      { name: 'cat/0.png', bytes },
      { name: 'cat/nothing.png' },
    )
    expect(told).toEqual({
      'cat/0.png': 'SKIPPED: A file of the same name came before: left out.',
      'cat/encrypted.png': 'SKIPPED: It is encrypted: left out. Pack the archive without a password.',
      'cat/lzma.png': expect.stringContaining('SKIPPED: It is packed by method 14, which is not read'),
      'cat/large.png': expect.stringContaining('REFUSED: The picture has 22020096 bytes; at most'),
      'cat/long.png': expect.stringMatching(/^REFUSED: It unpacks to \d+ bytes and not to \d+\.$/),
      'cat/noise.png': 'REFUSED: It does not match its checksum in the archive.',
      'cat/nothing.png': expect.stringContaining('REFUSED: The picture is empty'),
      'cat/short.png': 'REFUSED: It unpacks to more bytes than it claims.',
      'cat/sum.png': 'REFUSED: It does not match its checksum in the archive.',
    })
  })

  test('may have backslashes between its folders, as some programs of Windows write them', async () => {
    const plain = await importing(archive(zipOf(good)))
    const windows = good.map(({ name, bytes }) => ({ name: name.replace('/', '\\'), bytes }))
    expect((await importing(archive(zipOf(windows)))).digest).toBe(plain.digest)
  })

  test('may be a .zip of the 64-bit kind', async () => {
    const plain = await importing(archive(zipOf(good)))
    const large = await importing(archive(zipOf(good.map((entry) => ({ ...entry, isZip64: true })))))
    expect(large.digest).toBe(plain.digest)
  })

  test.each<[string, () => Promise<Buffer> | Buffer, RegExp]>([
    ['empty', () => Buffer.alloc(0), /pets\.zip is empty: 0 bytes\. Send a \.zip, \.tar or \.tar\.gz\./],
    ['none', () => Buffer.from('hello'), /pets\.zip is no archive\. Send a \.zip/],
    ['a picture', () => picture(1), /is a single picture/],
    [
      'of another kind',
      () => Buffer.from('Rar!\x1a\x07\x01\0', 'latin1'),
      /is a RAR archive, which is not read/,
    ],
    [
      'a .zip that is cut short',
      () => zipOf(good).subarray(0, 5000),
      /The \.zip is damaged or cut short \(.*\)\. Pack it anew/,
    ],
    ['a .zip without its end', () => zipOf(good).subarray(0, -10), /The \.zip is damaged or cut short/],
    [
      'a .tar that is cut short',
      () => tarOf(good).subarray(0, 20_000),
      /The \.tar is damaged: it is cut short\. Pack it anew/,
    ],
    [
      'a .tar.gz that is cut short',
      () => gzipSync(tarOf(good)).subarray(0, 5000),
      /The \.gz is damaged or cut short/,
    ],
    ['a .gz of something else', () => gzipSync('hello'), /is a \.gz, and what it holds is no \.tar/],
    [
      'a .tar with a hole',
      () => Buffer.concat([tarOf(good).subarray(0, -1024), Buffer.alloc(2048, 7)]),
      /The \.tar is damaged: at byte \d+ there is no header/,
    ],
    [
      'a .tar with a size that is none',
      () => tarOf([{ name: 'cat/0.png', claims: { size: 2 ** 40 } }]),
      /cut short/,
    ],
    [
      'a .zip whose files overlap',
      () => zipOf([...good, { name: 'cat/9.png', bytes: good[0]!.bytes, claims: { offset: 0 } }]),
      /has files that overlap, as in bombs/,
    ],
    [
      'a .zip larger than is taken',
      () => zipOf([...good, { name: 'cat/x.tif', claims: { size: 2 ** 30 } }]),
      /Unpacked, the archive has more than the 268435456 bytes that are taken/,
    ],
    [
      'a .zip that is a bomb',
      () => zipOf([{ name: 'cat/x.tif', bytes: Buffer.alloc(70 * 2 ** 20) }]),
      /unpacks to more than 250 times as many/,
    ],
    [
      'a .tar.gz that is a bomb',
      () => gzipSync(Buffer.alloc(300 * 2 ** 20)),
      /Unpacked, the archive has more than the 268435456 bytes/,
    ],
  ])('is refused whole where it is %s', async (_what, make, why) => {
    const folder = temporaryFolder()
    await expect(importing(archive(await make()), {}, folder)).rejects.toThrow(why)
    expect(readdirSync(folder)).toEqual(['scratch'])
  })
})

test('a folder is read without following links out of it, and without waiting for pipes', async () => {
  const folder = folderOf(await classFolders({ cat: 3, dog: 3 }))
  const outside = folderOf(await classFolders({ secret: 2 }, 40))
  symlinkSync(join(outside, 'secret'), join(folder, 'secret'))
  symlinkSync(join(outside, 'secret/0.png'), join(folder, 'cat/link.png'))
  symlinkSync('..', join(folder, 'cat/loop'))
  linkSync(join(folder, 'cat/0.png'), join(folder, 'cat/same.png'))
  mkdirSync(join(folder, 'cat/a\\b'))
  writeFileSync(
    Buffer.concat([Buffer.from(`${folder}/dog/`), Buffer.of(0xff, 0xfe), Buffer.from('.png')]),
    await picture(60),
  )
  const { told, facts } = await importing({ kind: 'folder', path: folder })
  expect(facts).toMatchObject({ classes: ['cat', 'dog'], count: { train: 5, test: 2 } })
  expect(told).toEqual([
    'DUPLICATE cat/same.png',
    'FEW_PICTURES cat',
    'FEW_PICTURES dog',
    'SKIPPED cat/link.png',
    'SKIPPED cat/loop',
    'SKIPPED secret',
  ])
  await expect(importing({ kind: 'folder', path: join(folder, 'nowhere') })).rejects.toThrow(
    /The folder .* is no data set\. It cannot be read \(ENOENT\)/,
  )
})
