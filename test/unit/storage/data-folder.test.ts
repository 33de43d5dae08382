import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeEach, describe, expect, test } from 'vitest'
import { DataFolderError, prepareDataFolder } from '../../../src/storage/data-folder.ts'

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
})
