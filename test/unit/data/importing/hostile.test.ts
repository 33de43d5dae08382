import { expect, test } from 'vitest'
import { hostilePictures } from '../../../support/hostile-archives.ts'
import { importHostile } from '../../../support/hostile-imports.ts'
import { temporaryFolder } from '../../../support/temporary-folder.ts'

test('archives that are hostile or broken are imported with a true report, or refused with a reason', async () => {
  const [pictures, folder] = [await hostilePictures(), temporaryFolder()]
  const outcomes = []
  for (let seed = 0; seed < 40; seed++) outcomes.push(await importHostile(seed, pictures, folder))
  expect(new Set(outcomes)).toEqual(new Set(['imported', 'refused']))
})
