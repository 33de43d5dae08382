import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { makeFolderDurably, syncFiles, syncFolder } from '../../storage/durable.ts'
import type { UploadedFile } from '../../uploads.ts'
import type { GivenOrigin } from './asked.ts'
import { type Issue, readLabels } from './check.ts'
import { ARCHIVE, keep } from './files.ts'
import { inFolder } from './given-folder.ts'
import type { FromInput, GivenInput } from './input.ts'
import { writePictures } from './pictures.ts'
import { type DatasetUploads, keptAs } from './uploads.ts'

/** What a person gives for a version of a data set: files that are sent, or that lie on the server. */
export interface Givens {
  /** Checks it, and leaves its files where they are. @throws NotFoundError for an upload that is not there */
  check(from: GivenInput, path: string[], issues: Issue[]): Promise<GivenOrigin>
  /** Brings its files into the folder of an import. They are on the disk when this resolves. */
  bring(from: GivenInput, folder: string): Promise<void>
}

/** @param below  DATASETS_DIR, whose folders may be given; null for none */
export function createGivens(
  uploads: Pick<DatasetUploads, 'list' | 'putInto'>,
  below: string | null,
): Givens {
  async function check(from: GivenInput, path: string[], issues: Issue[]): Promise<GivenOrigin> {
    if ('archive' in from) {
      const { name, size } = from.archive
      if (size === 0)
        issues.push({ path: [...path, 'archive'], message: `${JSON.stringify(name)} is empty.` })
      return { kind: 'archive', name }
    }
    if ('folder' in from) {
      const found = await inFolder(below, from.folder)
      if ('wrong' in found) issues.push({ path: [...path, 'folder'], message: found.wrong })
      return { kind: 'folder', folder: from.folder }
    }
    if ('pictures' in from) {
      readLabels(from.pictures, [...path, 'pictures'], issues)
      return { kind: 'pictures', count: from.pictures.length }
    }
    return { kind: 'pictures', count: (await uploads.list(from)).length }
  }

  async function bring(from: GivenInput, folder: string): Promise<void> {
    await makeFolderDurably(folder)
    if ('upload' in from) await uploads.putInto(folder, from)
    if ('archive' in from) {
      await syncFiles([from.archive.path])
      await keep(from.archive.path, join(folder, ARCHIVE))
      await syncFolder(folder)
    }
    if ('pictures' in from) {
      await syncFiles(from.pictures.map(({ file }) => file.path))
      const labels = readLabels(from.pictures, [], [])
      const list = from.pictures.map(({ file, split }, i) => keptAs(file, labels[i]!, split))
      for (const [i, { file }] of from.pictures.entries()) await keep(file.path, join(folder, list[i]!.file))
      await writePictures(folder, list)
    }
  }

  return { check, bring }
}

/** What makes two requests the same: the files by what is in them. */
export async function digestsOf(given: FromInput | null): Promise<unknown> {
  if (given === null || 'folder' in given || 'upload' in given || 'dataset' in given) return given
  if ('archive' in given) return digestOf(given.archive)
  const pictures = []
  for (const { file, label, split } of given.pictures) pictures.push([await digestOf(file), label, split])
  return pictures
}

/** sha256 in hexadecimal. */
async function digestOf({ path }: UploadedFile): Promise<string> {
  const hash = createHash('sha256')
  await pipeline(createReadStream(path, { highWaterMark: 2 ** 20 }), hash)
  return hash.digest('hex')
}
