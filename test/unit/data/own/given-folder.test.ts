import { symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { inFolder } from '../../../../src/data/own/given-folder.ts'
import { folderOf } from '../../../support/importing.ts'

test('a folder that is asked for lies below the one that is given, whatever its links and dots say', async () => {
  const given = folderOf({ 'pets/cat/1.png': '', 'file.zip': '' })
  const outside = folderOf({ 'secret/1.png': '' })
  symlinkSync(outside, join(given, 'link'))
  symlinkSync(join(given, 'pets'), join(given, 'inside'))
  for (const folder of ['pets', 'pets/', './pets', 'pets/cat', '', 'inside']) {
    expect(await inFolder(given, folder), folder).toHaveProperty('path')
  }
  for (const [folder, wrong] of [
    ['link', /not below/],
    ['link/secret', /not below/],
    ['..', /not below/],
    ['pets/../../x', /not below/],
    ['..\\x', /not below/],
    ['/etc', /not below/],
    ['a\0b', /not below/],
    ['Pets', /no folder "Pets"/],
    ['file.zip', /is a file/],
    ['file.zip/x', /no folder/],
    ['x'.repeat(5000), /cannot be read/],
  ] as const) {
    expect(await inFolder(given, folder), folder.slice(0, 20)).toEqual({
      wrong: expect.stringMatching(wrong),
    })
  }
  expect(await inFolder(null, 'pets')).toEqual({ wrong: expect.stringContaining('DATASETS_DIR') })
})
