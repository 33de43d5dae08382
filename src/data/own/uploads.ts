import { createHash, randomUUID } from 'node:crypto'
import { readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { LOCAL } from '../../access/viewer.ts'
import { createHold } from '../../concurrency/hold.ts'
import { ConflictError, NotFoundError, ValidationError } from '../../errors.ts'
import { makeFolderDurably, syncFiles } from '../../storage/durable.ts'
import type { Room } from '../../storage/room.ts'
import type { UploadedFile } from '../../uploads.ts'
import type { Split } from '../dataset-facts.ts'
import { type Issue, readLabels } from './check.ts'
import { keep, namesIn } from './files.ts'
import type { AddPicturesInput } from './input.ts'
import { type GivenPicture, readPictures, writePictures } from './pictures.ts'

/** After which pictures that nobody made a data set of are removed. */
export const KEPT_HOURS = 24
const KEPT_MS = KEPT_HOURS * 60 * 60 * 1000
const MOST_UPLOADS = 100
const ID = /^[A-Za-z0-9_-]{1,64}$/

/** Pictures that are sent in several calls, before a data set is made of them. */
export interface DatasetUpload {
  id: string
  /** Pictures so far. */
  count: number
  bytes: number
  /** Pictures of each label. */
  labels: { label: string; count: number }[]
  /** When it is removed unless more comes, or a data set is made of it. */
  expiresAt: Date
}

/** The id of an upload belongs to who made it up: another's is another one. */
export type OwnUpload = Pick<AddPicturesInput, 'upload' | 'ownerId'>

export interface DatasetUploads {
  /**
   * Adds pictures, and makes the upload where there is none. One that has the name, label and split of another takes its
   * place: what was sent may be sent again.
   * @throws ValidationError, ConflictError, StorageFullError
   */
  add(input: AddPicturesInput): Promise<DatasetUpload>
  /** Puts its pictures and their list into another folder, too. @throws NotFoundError */
  putInto(folder: string, upload: OwnUpload): Promise<void>
  /** A data set was made of it. */
  forget(upload: OwnUpload): Promise<void>
  /** What is in it, for a request to be known again. @throws NotFoundError */
  list(upload: OwnUpload): Promise<GivenPicture[]>
  /** Removes those that nobody wants any more. */
  sweep(): Promise<void>
}

/** @param maxBytes  of all pictures of an upload together */
export function createDatasetUploads(folder: string, maxBytes: number, room: Room): DatasetUploads {
  const hold = createHold()
  const place = (name: string) => join(folder, name)

  const picturesIn = (name: string): Promise<GivenPicture[]> => readPictures(place(name)).catch(nothingYet)

  async function required({ upload, ownerId }: OwnUpload): Promise<GivenPicture[]> {
    const pictures = ID.test(upload) ? await picturesIn(folderName({ upload, ownerId })) : []
    if (pictures.length > 0) return pictures
    throw new NotFoundError(
      `There is no upload ${JSON.stringify(upload.slice(0, 100))}: none of its pictures came, a data set was made of it, or it waited for more than ${KEPT_HOURS} hours. Send the pictures again with addPictures.`,
    )
  }

  async function addAlone(
    { upload, ownerId, pictures }: AddPicturesInput,
    labels: string[],
  ): Promise<DatasetUpload> {
    const id = folderName({ upload, ownerId })
    const before = await picturesIn(id)
    if (before.length === 0 && (await namesIn(folder)).length >= MOST_UPLOADS) {
      throw new ConflictError(
        `${MOST_UPLOADS} uploads of pictures are open. Make data sets of them, or wait: each goes after ${KEPT_HOURS} hours.`,
      )
    }
    const byPlace = new Map(before.map((picture) => [placeOf(picture), picture]))
    const replaced: string[] = []
    room.check()
    try {
      await makeFolderDurably(place(id))
      await syncFiles(pictures.map(({ file }) => file.path))
      for (const [i, { file, split }] of pictures.entries()) {
        const kept = keptAs(file, labels[i]!, split)
        await keep(file.path, join(place(id), kept.file))
        const known = byPlace.get(placeOf(kept))
        if (known !== undefined) replaced.push(known.file)
        byPlace.set(placeOf(kept), kept)
      }
      const now = [...byPlace.values()]
      const bytes = bytesOf(now)
      if (bytes > maxBytes) {
        await removeBut(id, before)
        throw new ValidationError([
          {
            path: ['pictures'],
            message: `The pictures of an upload may have ${maxBytes} bytes together (MAX_DATASET_BYTES); with these they would have ${bytes}.`,
          },
        ])
      }
      await writePictures(place(id), now)
      await Promise.all(replaced.map((file) => rm(join(place(id), file), { force: true })))
      return described(upload, now)
    } catch (error) {
      throw room.failed(error)
    }
  }

  /** What was sent in vain. */
  async function removeBut(id: string, pictures: readonly GivenPicture[]): Promise<void> {
    const files = new Set(pictures.map(({ file }) => file))
    if (files.size === 0) return rm(place(id), { recursive: true, force: true })
    for (const name of await readdir(place(id))) {
      if (/^[0-9a-f-]{36}$/.test(name) && !files.has(name)) await rm(join(place(id), name), { force: true })
    }
  }

  async function sweep(): Promise<void> {
    for (const id of await namesIn(folder)) {
      await hold.exclusive(id, async () => {
        const found = await stat(place(id)).catch(() => null)
        if (found !== null && Date.now() - found.mtimeMs > KEPT_MS) {
          await rm(place(id), { recursive: true, force: true })
        }
      })
    }
  }

  return {
    async add(input) {
      const issues: Issue[] = []
      if (!ID.test(input.upload)) {
        issues.push({
          path: ['upload'],
          message: 'The id of an upload has 1 to 64 letters, digits, - and _. Choose one that no other has.',
        })
      }
      const labels = readLabels(input.pictures, ['pictures'], issues)
      if (issues.length > 0) throw new ValidationError(issues)
      await sweep()
      return hold.exclusive(folderName(input), () => addAlone(input, labels))
    },
    list: required,
    putInto: (target, own) =>
      hold.exclusive(folderName(own), async () => {
        const pictures = await required(own)
        const id = folderName(own)
        for (const { file } of pictures) await keep(join(place(id), file), join(target, file))
        await writePictures(target, pictures)
      }),
    forget: (own) =>
      hold.exclusive(folderName(own), () => rm(place(folderName(own)), { recursive: true, force: true })),
    sweep,
  }
}

/** What an owner is called may be any text. */
export function folderName({ upload, ownerId = LOCAL }: OwnUpload): string {
  return `${createHash('sha256').update(ownerId).digest('hex').slice(0, 16)}-${upload}`
}

function placeOf({ name, label, split }: GivenPicture): string {
  return JSON.stringify([name, label, split])
}

/** How a picture is listed; its bytes are to be kept under `file`. */
export function keptAs({ name, size }: UploadedFile, label: string, split: Split | null): GivenPicture {
  return { name, file: randomUUID(), bytes: size, label, split }
}

export function bytesOf(pictures: readonly GivenPicture[]): number {
  return pictures.reduce((sum, { bytes }) => sum + bytes, 0)
}

function described(id: string, pictures: readonly GivenPicture[]): DatasetUpload {
  const counts = new Map<string, number>()
  for (const { label } of pictures) counts.set(label, (counts.get(label) ?? 0) + 1)
  return {
    id,
    count: pictures.length,
    bytes: bytesOf(pictures),
    labels: [...counts].map(([label, count]) => ({ label, count })),
    expiresAt: new Date(Date.now() + KEPT_MS),
  }
}

function nothingYet(error: NodeJS.ErrnoException): [] {
  if (error.code === 'ENOENT') return []
  throw error
}
