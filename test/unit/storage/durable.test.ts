import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import {
  makeFolderDurably,
  renameDurably,
  syncFiles,
  syncFolder,
  syncTree,
  writeDurably,
  writeDurablyNow,
} from '../../../src/storage/durable.ts'
import { temporaryFolder } from '../../support/temporary-folder.ts'

test('a file is replaced whole, and nothing is left beside it', async () => {
  const folder = temporaryFolder()
  const file = join(folder, 'list.json')
  await writeDurably(file, 'one')
  writeDurablyNow(file, 'two')
  expect(readFileSync(file, 'utf8')).toBe('two')
  expect(readdirSync(folder)).toEqual(['list.json'])
})

test('one that cannot be written stays as it was, without a draft beside it', async () => {
  const folder = temporaryFolder()
  const file = join(folder, 'taken')
  mkdirSync(join(file, 'by a folder'), { recursive: true })
  await expect(writeDurably(file, 'text')).rejects.toThrow(/EISDIR|ENOTEMPTY|EEXIST/)
  expect(() => writeDurablyNow(file, 'text')).toThrow(/EISDIR|ENOTEMPTY|EEXIST/)
  expect(readdirSync(folder)).toEqual(['taken'])
})

test('a folder is made with its parents, and made again without an error', async () => {
  const folder = join(temporaryFolder(), 'a/b/c')
  await makeFolderDurably(folder)
  await makeFolderDurably(folder)
  expect(existsSync(folder)).toBe(true)
})

test('a tree is synced with all that is in it, and many files at once', async () => {
  const folder = join(temporaryFolder(), 'tree')
  mkdirSync(join(folder, 'below/empty'), { recursive: true })
  const files = Array.from({ length: 20 }, (_, i) => join(folder, 'below', String(i)))
  for (const file of files) writeFileSync(file, file)
  await syncFiles(files)
  await syncTree(folder)
  await renameDurably(folder, `${folder}.whole`)
  expect(readdirSync(join(`${folder}.whole`, 'below'))).toHaveLength(21)
})

test('a file that is gone cannot be synced; a folder that is gone needs not be', async () => {
  const gone = join(temporaryFolder(), 'gone')
  await expect(syncFiles([gone])).rejects.toThrow(/ENOENT/)
  await syncFolder(gone)
})
