import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { open } from 'node:fs/promises'
import { createGunzip } from 'node:zlib'
import { BackupError, type BackupFacts, FACTS, FAILED, FORMAT, isContent, readSums, SUMS } from './format.ts'
import { DamagedTarError, readTar, type TarEntry } from './tar.ts'

const PIECE_BYTES = 2 ** 20
/** Of what is read as text. */
const MAX_TEXT_BYTES = 256 * 2 ** 20

/** Takes what a backup has in it, in its order. */
export interface BackupTaker {
  facts?(facts: BackupFacts): void | Promise<void>
  folder?(path: string): Promise<void>
  /** @param content  read by it to its end */
  file?(path: string, content: AsyncIterable<Buffer>): Promise<void>
}

/**
 * Reads a backup through, packed by gzip or not, and compares each file with its digest. What was taken counts only when
 * this resolves.
 * @throws BackupError where it is none, not whole or altered; what the taker throws; the signal's reason
 */
export async function readBackup(
  file: string,
  taker: BackupTaker = {},
  signal?: AbortSignal,
): Promise<BackupFacts> {
  const wrong = (why: string) => new BackupError(`${file} is not a whole backup: ${why}.`)
  const source = await openSource(file, signal)
  try {
    const entries = readTar(source)
    const first = await entries.next()
    if (first.done || first.value.path !== FACTS) throw wrong(`it does not begin with ${FACTS}`)
    const facts = readFacts(file, await textOf(first.value))
    await taker.facts?.(facts)
    const digests = new Map<string, string>()
    let sums: Map<string, string> | null = null
    for await (const entry of entries) {
      const { path, isFolder } = entry
      if (sums !== null) throw wrong(`${path} comes after ${SUMS}`)
      if (path === FAILED) throw new BackupError(`The server could not finish it. ${await textOf(entry)}`)
      if (path === SUMS) sums = readSums(await textOf(entry))
      else if (!isContent(path)) throw wrong(`it holds ${JSON.stringify(path)}`)
      else if (isFolder) await taker.folder?.(path)
      else digests.set(path, await take(entry, taker))
    }
    if (sums === null) throw wrong(`it ends without ${SUMS}`)
    for (const [path, digest] of sums) {
      if (!digests.has(path)) throw wrong(`${path} is missing`)
      if (digests.get(path) !== digest) throw wrong(`${path} is damaged: its sha256 is another`)
    }
    const more = [...digests.keys()].find((path) => !sums.has(path))
    if (more !== undefined) throw wrong(`${more} is not in ${SUMS}`)
    return facts
  } catch (error) {
    signal?.throwIfAborted()
    if (error instanceof DamagedTarError) throw wrong(error.message)
    const { code, message } = error as NodeJS.ErrnoException
    if (code?.startsWith('Z_') || code === 'ERR_STREAM_PREMATURE_CLOSE') throw wrong(message)
    throw error
  } finally {
    source.destroy()
  }
}

async function openSource(file: string, signal: AbortSignal | undefined) {
  const head = Buffer.alloc(2)
  try {
    const handle = await open(file)
    try {
      await handle.read(head, 0, head.length, 0)
    } finally {
      await handle.close()
    }
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    throw new BackupError(`${file} cannot be read (${code ?? message}).`)
  }
  const reading = createReadStream(file, { highWaterMark: PIECE_BYTES, signal })
  if (head[0] !== 0x1f || head[1] !== 0x8b) return reading
  const unpacked = createGunzip({ chunkSize: PIECE_BYTES })
  reading.on('error', (error) => unpacked.destroy(error))
  unpacked.on('close', () => reading.destroy())
  return reading.pipe(unpacked)
}

function readFacts(file: string, text: string): BackupFacts {
  let facts: Partial<BackupFacts>
  try {
    facts = JSON.parse(text)
  } catch {
    throw new BackupError(`${file} is not a whole backup: its ${FACTS} is no JSON.`)
  }
  if (facts.format === FORMAT) return facts as BackupFacts
  throw new BackupError(
    `${file} is a backup of a format that this version does not know (${facts.format}); use the version that made it (${facts.vggzoo}), or a newer one.`,
  )
}

/** @returns its sha256 */
async function take({ path, content }: TarEntry, taker: BackupTaker): Promise<string> {
  const hash = createHash('sha256')
  async function* hashed() {
    for await (const piece of content()) {
      hash.update(piece)
      yield piece
    }
  }
  const pieces = hashed()
  if (taker.file !== undefined) await taker.file(path, pieces)
  for await (const _ of pieces);
  return hash.digest('hex')
}

async function textOf({ path, size, content }: TarEntry): Promise<string> {
  if (size > MAX_TEXT_BYTES) throw new DamagedTarError(`${path} has ${size} bytes`)
  const pieces: Buffer[] = []
  for await (const piece of content()) pieces.push(piece)
  return Buffer.concat(pieces).toString('utf8')
}
