import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterAll, beforeEach, describe, expect, test } from 'vitest'
import { DataFolderError, prepareDataFolder } from '../../../src/storage/data-folder.ts'
import { canMount, mountSmallDisk, skipsSmallDisks } from '../../support/small-disk.ts'

const root = mkdtempSync(join(tmpdir(), 'vggzoo-data-'))
let folder: string
let count = 0
beforeEach(() => {
  folder = join(root, String(count++))
})
afterAll(() => rmSync(root, { recursive: true }))

function refusal(of = folder): string {
  try {
    prepareDataFolder(of)
    return 'nothing is wrong'
  } catch (error) {
    expect(error).toBeInstanceOf(DataFolderError)
    return (error as Error).message
  }
}

describe('a data folder', () => {
  test('that is not there is made, with its parents, and nothing is left in it', () => {
    prepareDataFolder(join(folder, 'a/b'))
    expect(readdirSync(join(folder, 'a/b'))).toEqual([])
  })

  test('with a file in its place, or in a parent’s, is refused', () => {
    writeFileSync(folder, 'a file')
    expect(refusal()).toBe(
      `the data folder ${folder} (DATA_DIR) cannot be used: it is a file; move it away, or set another DATA_DIR`,
    )
    expect(refusal(join(folder, 'below'))).toMatch(
      /below \(DATA_DIR\) cannot be used: a file stands in the place/,
    )
  })

  test.each(['database', 'artifacts', 'uploads', 'datasets'])(
    'with a file in the place of %s is refused',
    (part) => {
      mkdirSync(folder)
      writeFileSync(join(folder, part), '')
      expect(refusal()).toBe(
        `${join(folder, part)} in the data folder (DATA_DIR) cannot be used: it is a file; move it away, or set another DATA_DIR`,
      )
    },
  )

  test('whose database is elsewhere may have what it wants in its place', () => {
    mkdirSync(folder)
    writeFileSync(join(folder, 'database'), '')
    prepareDataFolder(folder, ['artifacts', 'uploads', 'datasets'])
  })

  test('whose parts are links to folders is used', () => {
    mkdirSync(join(folder, 'elsewhere'), { recursive: true })
    symlinkSync(join(folder, 'elsewhere'), join(folder, 'datasets'))
    prepareDataFolder(folder)
  })

  test('whose parent cannot be made is refused', () => {
    expect(refusal('/proc/nowhere/data')).toMatch(
      /^the data folder \/proc\/nowhere\/data \(DATA_DIR\) cannot be used: /,
    )
    expect(refusal('/proc/nowhere/data')).toMatch(/set another DATA_DIR$/)
  })

  test.skipIf(skipsSmallDisks)(
    'of another user is refused, and so is one with a part of another user',
    () => {
      expect(canMount).toBe(true)
      mkdirSync(join(folder, 'database'), { recursive: true })
      const module = resolve(import.meta.dirname, '../../../dist/storage/data-folder.js')
      expect(existsSync(module)).toBe(true)
      const asNobody = () =>
        execFileSync(
          'setpriv',
          [
            '--reuid=65534',
            '--regid=65534',
            '--clear-groups',
            process.execPath,
            '--input-type=module',
            '-e',
          ].concat(
            `import { prepareDataFolder } from ${JSON.stringify(module)}
           try { prepareDataFolder(${JSON.stringify(folder)}) } catch (error) { console.log(error.message) }`,
          ),
          { encoding: 'utf8', cwd: '/' },
        ).trim()
      chmodSync(root, 0o755)
      expect(asNobody()).toMatch(
        `the data folder ${folder} (DATA_DIR) cannot be used: this user may not use it;`,
      )
      chmodSync(folder, 0o777)
      expect(asNobody()).toMatch(
        `${join(folder, 'database')} in the data folder (DATA_DIR) cannot be used: this user`,
      )
    },
  )

  test.skipIf(skipsSmallDisks)('on a disk that is read-only, or full, is refused', () => {
    const disk = mountSmallDisk(1)
    try {
      disk.fill(0)
      expect(refusal(disk.folder)).toMatch(
        /its disk is full; make room, or set DATA_DIR to a folder on another disk/,
      )
      expect(refusal(join(disk.folder, 'below'))).toMatch(/its disk is full/)
      disk.empty()
      disk.remount('ro')
      expect(refusal(disk.folder)).toMatch(/its disk is read-only; mount it for writing/)
      expect(refusal(join(disk.folder, 'below'))).toMatch(/its disk is read-only/)
    } finally {
      disk.unmount()
    }
  })
})
