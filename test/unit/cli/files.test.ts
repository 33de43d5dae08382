import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { fileOf } from '../../../src/cli/files.ts'
import { tarOf } from '../../../src/cli/tar.ts'
import { temporaryFolder } from '../../support/temporary-folder.ts'

test('a file that cannot be read is named once, with the reason in plain words', async () => {
  const folder = temporaryFolder()
  const file = join(folder, 'a.txt')
  writeFileSync(file, 'a')
  expect(await (await fileOf(file)).text()).toBe('a')
  for (const [path, reason] of [
    [join(folder, 'none.png'), 'There is no such file.'],
    [join(file, 'below'), 'There is no such file.'],
    [folder, 'It is a folder.'],
  ] as const)
    await expect(fileOf(path)).rejects.toMatchObject({ message: `${path}: ${reason}`, reason })
  await expect(tarOf(join(folder, 'none'))).rejects.toThrow(`${join(folder, 'none')}: There is no such file.`)
  mkdirSync(join(folder, 'empty'))
  await expect(tarOf(join(folder, 'empty'))).rejects.toThrow('has no files')
})
