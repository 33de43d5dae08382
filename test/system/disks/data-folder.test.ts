import { execFileSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { DataFolderError, prepareDataFolder } from '../../../src/storage/data-folder.ts'
import { canMount, mountSmallDisk, skipsSmallDisks } from '../../support/small-disk.ts'

const root = mkdtempSync(join(tmpdir(), 'vggzoo-data-'))
const folder = join(root, 'data')
afterAll(() => rmSync(root, { recursive: true }))

function refusal(of: string): string {
  try {
    prepareDataFolder(of)
    return 'nothing is wrong'
  } catch (error) {
    expect(error).toBeInstanceOf(DataFolderError)
    return (error as Error).message
  }
}

describe.skipIf(skipsSmallDisks)('a data folder', () => {
  test('of another user is refused, and so is one with a part of another user', () => {
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
  })

  test('on a disk that is read-only, or full, is refused', () => {
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
