import { createHash, type Hash } from 'node:crypto'
import { createReadStream, readFileSync } from 'node:fs'
import { readdir, rm, stat } from 'node:fs/promises'
import { join, relative, sep } from 'node:path'
import type { Removals } from '../concurrency/removals.ts'
import { datasetFile } from '../data/dataset.ts'
import { withDatasetFile } from '../data/dataset-file.ts'
import type { ImportFolders } from '../data/own/files.ts'
import { keepsGiven, WITH_FILES } from '../data/own/version.ts'
import { referenceOf } from '../data/reference.ts'
import { type Database, DUMP } from '../db/client.ts'
import type { Reading } from '../db/copy.ts'
import { readMigrations } from '../db/migrations.ts'
import { StorageFullError } from '../errors.ts'
import { namedWeights } from '../models/weights-keeper.ts'
import { diskOf, LEAST_FREE_BYTES } from '../storage/room.ts'
import { BackupError, type BackupFacts, FACTS, FAILED, FORMAT, SUMS, sumsOf } from './format.ts'
import { endOfTar, headerOf, paddingOf } from './tar.ts'

/** A server's hashing is its own thread's: this much is below a millisecond. */
const PIECE_BYTES = 256 * 1024
const SMALL_BYTES = 64 * 1024
/** Beside what its tables have: templates, and the log. */
const DATABASE_BESIDES_BYTES = 64 * 2 ** 20

export interface BackupGround {
  /** Of vggzoo. */
  version: string
  database: Pick<Database, 'kind' | 'copy' | 'size'>
  dataDir: string
  artifactsFolder: string
  datasetsFolder: string
  folders: Pick<ImportFolders, 'given'>
  removals: Removals
}

/** A file or folder of a backup, or of what is to become one. */
interface Content {
  /** In the archive. */
  path: string
  /** On this machine; null for a folder. */
  file: string | null
  size: number
  /** Reads it through and rejects where it is not what it should be. */
  verify?(): Promise<void>
  /** sha256 of what it should be. */
  digest?: string
}

/** Where the copy of the database lies until it is sent. */
export const stagedCopy = (dataDir: string): string => join(dataDir, 'backup.tmp')

/**
 * Copies the database, and sends it with all files that it names, which nobody removes meanwhile. When it resolves or
 * rejects nothing of that is left on the server.
 *
 * @param signal  gives up
 * @param send    sends the archive, when nothing more of the server is needed but to read files: nobody waits any more
 * @throws BackupError, StorageFullError, DatabaseError, the signal's reason, or what `send` throws
 */
export async function backUp(
  ground: BackupGround,
  signal: AbortSignal,
  send: (facts: BackupFacts, archive: AsyncIterable<Buffer>) => Promise<void>,
): Promise<void> {
  const { version, database, dataDir, removals } = ground
  const staged = stagedCopy(dataDir)
  // Before the moment: no file that a row names then goes until it is sent.
  const letGo = removals.hold()
  try {
    await checkRoom(ground)
    await rm(staged, { recursive: true, force: true })
    const at = new Date()
    const { rows, pausedMs } = await database.copy(staged, readRows, signal)
    const contents = [...(await databaseIn(staged, database.kind)), ...(await filesOf(rows, ground))]
    signal.throwIfAborted()
    const files = contents.filter(({ file }) => file !== null)
    const facts: BackupFacts = {
      format: FORMAT,
      vggzoo: version,
      at: at.toISOString(),
      database: database.kind,
      migration: readMigrations().list.at(-1)!.name,
      pausedMs: Math.round(pausedMs),
      files: files.length,
      bytes: files.reduce((sum, { size }) => sum + size, 0),
    }
    await send(facts, gathered(archiveOf(facts, contents, at)))
  } finally {
    await rm(staged, { recursive: true, force: true }).finally(letGo)
  }
}

async function checkRoom({ database, dataDir }: BackupGround): Promise<void> {
  const needed = (await database.size()) + DATABASE_BESIDES_BYTES + LEAST_FREE_BYTES
  const { free } = diskOf(dataDir)
  if (free >= needed) return
  const mebibytes = (bytes: number) => `${Math.ceil(bytes / 2 ** 20)} MiB`
  throw new StorageFullError(
    `A backup needs room for a copy of the database beside it for as long as it takes, ${mebibytes(needed)}, and ${mebibytes(free)} are free on the disk of ${dataDir}.`,
  )
}

type Rows = Awaited<ReturnType<typeof readRows>>

async function readRows(tx: Reading) {
  return {
    weights: await namedWeights(tx),
    datasets: await tx.datasetVersion.findMany({
      where: WITH_FILES,
      select: { id: true, datasetName: true, version: true, state: true, mayRetry: true, digest: true },
    }),
  }
}

async function databaseIn(staged: string, kind: Database['kind']): Promise<Content[]> {
  if (kind === 'postgres') return [await contentOf(DUMP, join(staged, DUMP))]
  return [{ path: 'database', file: null, size: 0 }, ...(await treeOf('database', staged))]
}

async function filesOf(
  { weights, datasets }: Rows,
  { artifactsFolder, datasetsFolder, folders }: BackupGround,
): Promise<Content[]> {
  const contents: Content[] = []
  for (const [digest, { by }] of weights) {
    const name = `${digest}.safetensors`
    contents.push({ ...(await contentOf(`artifacts/${name}`, join(artifactsFolder, name), by)), digest })
  }
  for (const row of datasets) {
    const { id, datasetName, version, digest } = row
    if (keepsGiven(row)) {
      contents.push(...(await treeOf(`datasets/imports/${id}/given`, folders.given(id))))
      continue
    }
    const reference = referenceOf(datasetName, version)
    const file = datasetFile(datasetsFolder, reference)
    const verify = () => withDatasetFile(file, digest!, (opened) => opened.verify())
    contents.push({ ...(await contentOf(`datasets/${reference}.bin`, file, reference)), verify })
  }
  return contents
}

/** Files and folders below one; none where it is not there. */
async function treeOf(path: string, folder: string): Promise<Content[]> {
  const entries = await readdir(folder, { withFileTypes: true, recursive: true }).catch(
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return []
      throw error
    },
  )
  const contents: Content[] = []
  for (const entry of entries) {
    const file = join(entry.parentPath, entry.name)
    const below = `${path}/${relative(folder, file).split(sep).join('/')}`
    if (entry.isDirectory()) contents.push({ path: below, file: null, size: 0 })
    else contents.push(await contentOf(below, file))
  }
  return contents
}

async function contentOf(path: string, file: string, by?: string): Promise<Content> {
  const found = await stat(file).catch((error: NodeJS.ErrnoException) => {
    throw new BackupError(
      `${file}${by === undefined ? '' : `, of ${by},`} cannot be read (${error.code ?? error.message}). ${CHECK}`,
    )
  })
  return { path, file, size: found.size }
}

const CHECK =
  'A backup is whole or there is none: vggzoo check lists what is missing or damaged; delete what names it, and back up again.'

async function* archiveOf(
  facts: BackupFacts,
  contents: readonly Content[],
  at: Date,
): AsyncGenerator<Buffer, void> {
  const digests = new Map<string, string>()
  const text = (path: string, content: string) => {
    const bytes = Buffer.from(content)
    return Buffer.concat([headerOf(path, bytes.length, at), bytes, paddingOf(bytes.length)])
  }
  yield text(FACTS, `${JSON.stringify(facts, null, 2)}\n`)
  try {
    for (const content of contents) {
      await content.verify?.()
      const hash = createHash('sha256')
      yield* entryOf(content, at, hash)
      if (content.file === null) continue
      const digest = hash.digest('hex')
      if (content.digest !== undefined && content.digest !== digest) {
        throw new BackupError(`${content.file} is damaged: its sha256 is not its name. ${CHECK}`)
      }
      digests.set(content.path, digest)
    }
    yield text(SUMS, sumsOf(digests))
  } catch (error) {
    // The answer has begun: what it cannot say any more the archive says.
    yield text(FAILED, error instanceof Error ? error.message : String(error))
  }
  yield endOfTar()
}

/** Not more of a file than its header says. A database has a thousand small ones: 20 µs each, and 20 times that by a stream. */
function piecesOf(file: string, size: number): Iterable<Buffer> | AsyncIterable<Buffer> {
  if (size <= SMALL_BYTES) return [readFileSync(file).subarray(0, size)]
  return createReadStream(file, { highWaterMark: PIECE_BYTES, end: size - 1 })
}

/** The same bytes in pieces that are worth sending. */
async function* gathered(pieces: AsyncIterable<Buffer>): AsyncGenerator<Buffer, void> {
  let held: Buffer[] = []
  let bytes = 0
  for await (const piece of pieces) {
    held.push(piece)
    bytes += piece.length
    if (bytes < PIECE_BYTES) continue
    yield Buffer.concat(held)
    held = []
    bytes = 0
  }
  yield Buffer.concat(held)
}

async function* entryOf({ path, file, size }: Content, at: Date, hash: Hash): AsyncGenerator<Buffer, void> {
  yield headerOf(path, file === null ? null : size, at)
  if (file === null) return
  let left = size
  try {
    for await (const piece of piecesOf(file, size)) {
      hash.update(piece)
      left -= piece.length
      yield piece
    }
    if (left > 0) throw new BackupError(`${file} has become shorter while it was read. ${CHECK}`)
  } catch (error) {
    // So that what follows is read as what it is.
    for (; left > 0; left -= Math.min(left, PIECE_BYTES)) yield Buffer.alloc(Math.min(left, PIECE_BYTES))
    yield paddingOf(size)
    throw error
  }
  yield paddingOf(size)
}
