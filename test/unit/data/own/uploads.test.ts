import { createHash } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeEach, describe, expect, test } from 'vitest'
import { createDatasetUploads, type DatasetUploads } from '../../../../src/data/own/uploads.ts'
import { watchRoom } from '../../../../src/storage/room.ts'
import { UploadedFile } from '../../../../src/uploads.ts'
import { temporaryFolder } from '../../../support/temporary-folder.ts'

let folder: string
let uploads: DatasetUploads
beforeEach(() => {
  folder = temporaryFolder()
  mkdirSync(join(folder, 'uploads'))
  uploads = createDatasetUploads(join(folder, 'uploads'), 100, watchRoom(folder))
})

let files = 0
function sent(text: string, name = 'a.png', label = 'cat') {
  const path = join(folder, `sent ${++files}`)
  writeFileSync(path, text)
  return { file: new UploadedFile(name, text.length, path), label, split: null }
}

/** Of the local viewer. */
const folderOf = (id: string) => `${createHash('sha256').update('local').digest('hex').slice(0, 16)}-${id}`

const kept = (id: string) =>
  readdirSync(join(folder, 'uploads', folderOf(id))).filter((name) => name !== 'pictures.json')

describe('pictures that are sent in several calls', () => {
  test('are kept, and what is sent again takes the place of what was there', async () => {
    await uploads.add({ upload: 'mine', pictures: [sent('one'), sent('two', 'b.png')] })
    const upload = await uploads.add({
      upload: 'mine',
      pictures: [sent('other'), sent('dog', 'a.png', ' dog ')],
    })
    expect(upload).toMatchObject({
      id: 'mine',
      count: 3,
      bytes: 11,
      labels: [
        { label: 'cat', count: 2 },
        { label: 'dog', count: 1 },
      ],
    })
    expect(kept('mine')).toHaveLength(3)
    const into = join(folder, 'given')
    mkdirSync(into)
    await uploads.putInto(into, { upload: 'mine' })
    const texts = (await uploads.list({ upload: 'mine' })).map(
      ({ name, file }) => `${name} ${readFileSync(join(into, file))}`,
    )
    expect(texts.sort()).toEqual(['a.png dog', 'a.png other', 'b.png two'])
    await uploads.forget({ upload: 'mine' })
    await expect(uploads.list({ upload: 'mine' })).rejects.toThrow(/no upload "mine"/)
  })

  test('are told apart by their owners, who may have chosen the same id', async () => {
    const [anna, bob] = [
      { upload: 'mine', ownerId: 'anna' },
      { upload: 'mine', ownerId: 'bob' },
    ]
    await uploads.add({ ...anna, pictures: [sent('one')] })
    await expect(uploads.list(bob)).rejects.toThrow(/no upload "mine"/)
    await uploads.add({ ...bob, pictures: [sent('two', 'b.png')] })
    await uploads.forget(bob)
    expect(await uploads.list(anna)).toHaveLength(1)
  })

  test('are refused beyond the bytes that a data set may have, and those before stay', async () => {
    await uploads.add({ upload: 'mine', pictures: [sent('x'.repeat(60))] })
    await expect(uploads.add({ upload: 'mine', pictures: [sent('y'.repeat(41), 'b.png')] })).rejects.toThrow(
      /100 bytes together \(MAX_DATASET_BYTES\); with these they would have 101/,
    )
    expect(kept('mine')).toHaveLength(1)
    await expect(uploads.add({ upload: 'large', pictures: [sent('y'.repeat(101))] })).rejects.toThrow(/101/)
    expect(readdirSync(join(folder, 'uploads'))).toEqual([folderOf('mine')])
  })

  test.each(['', '.', '..', '../mine', 'a/b', 'x'.repeat(65), 'a\0', 'ü'])(
    'have no id like %j',
    async (upload) => {
      await expect(uploads.add({ upload, pictures: [sent('one')] })).rejects.toThrow(/^upload: /)
      await expect(uploads.list({ upload })).rejects.toThrow(/no upload/)
      expect(readdirSync(join(folder, 'uploads'))).toEqual([])
    },
  )

  test('go when nobody wanted them for a day', async () => {
    await uploads.add({ upload: 'old', pictures: [sent('one')] })
    await uploads.add({ upload: 'new', pictures: [sent('one')] })
    const dayBefore = new Date(Date.now() - 25 * 60 * 60 * 1000)
    utimesSync(join(folder, 'uploads', folderOf('old')), dayBefore, dayBefore)
    await uploads.sweep()
    expect(readdirSync(join(folder, 'uploads'))).toEqual([folderOf('new')])
  })
})
