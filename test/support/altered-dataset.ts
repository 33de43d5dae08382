import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'vitest'
import { TINY_MODULE } from './dataset-cache.ts'
import { temporaryFolder } from './temporary-folder.ts'

/** The tiny data set's module with something else in it. */
export function alteredTinyModule(what: string | RegExp, by: string): string {
  const file = join(temporaryFolder(), 'dataset.mjs')
  const text = readFileSync(TINY_MODULE, 'utf8')
  const other = text.replace(what, by)
  expect(other).not.toBe(text)
  writeFileSync(file, other)
  return file
}
