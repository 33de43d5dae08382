import { randomUUID } from 'node:crypto'
import { createWriteStream } from 'node:fs'
import { mkdir, rm } from 'node:fs/promises'
import type { IncomingMessage } from 'node:http'
import { dirname, join } from 'node:path'
import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { Busboy, type BusboyHeaders, type BusboyInstance } from '@fastify/busboy'
import { codedError } from '../schema/builder/errors.ts'
import { type LowWater, NEVER_LOW } from '../storage/low-water.ts'
import { type Room, watchRoom } from '../storage/room.ts'
import { UploadedFile } from '../uploads.ts'
import { contentOf, expectSoon, LARGE_BYTES } from './body.ts'
import { requestError } from './graphql/client-error.ts'
import { MAX_BODY_BYTES, MAX_FILES, MAX_FRAMING_BYTES, MAX_MAP_BYTES } from './graphql/limits.ts'
import type { UploadLimit, UploadLimits } from './upload-limits.ts'

/** A GraphQL request that came as multipart/form-data, its files on disk. */
export interface Upload {
  /** `operations`, with an UploadedFile in each place that `map` leads to. */
  operations: object
  /** Deletes the files, those that are held as soon as they are not; more than once is no error. */
  release(): Promise<void>
}

/** What whoever sends a request may; each throws where that is not so. */
export interface UploadChecks {
  /** Gets the part "operations" before a file is received. */
  admit?(operations: object): void
  /** Gets the number of bytes: all at once, before they come, where the request tells its length. */
  spend?(bytes: number): void
  /** Where the parts beside the files are large: gets what they may have at most, and resolves when there is room for it. */
  hold?(bytes: number): Promise<void>
}

/** Receives multipart requests (github.com/jaydenseric/graphql-multipart-request-spec) without holding files in memory. */
export interface UploadStore {
  /** Throws a GraphQLError that says what is wrong with the request; then nothing of it is left. */
  receive(request: IncomingMessage, checks?: UploadChecks): Promise<Upload>
  /** Removes what a killed server left. Before the first request. */
  sweep(): Promise<void>
}

/** @param room  of the disk that the folder is on, as `lowWater` */
export function createUploadStore(
  folder: string,
  limits: UploadLimits,
  room: Room = watchRoom(dirname(folder)),
  lowWater: Pick<LowWater, 'check'> = NEVER_LOW,
): UploadStore {
  const receive: UploadStore['receive'] = async (
    request,
    { admit = () => {}, spend = () => {}, hold = async () => {} } = {},
  ) => {
    const length = Number(request.headers['content-length'] ?? 0)
    const parts = new Parts(folder, limits, { room, lowWater }, admit, length)
    try {
      room.check()
      if (length > 0) spend(length)
      await mkdir(folder, { recursive: true })
      await parse(request, parts, limits.most, { spend: length > 0 ? () => {} : spend, hold })
      return { operations: parts.assemble(), release: () => parts.release() }
    } catch (error) {
      // What is left of the body is read and thrown away, so that the client gets to read the answer.
      request.unpipe()
      request.resume()
      await parts.release()
      const failure = room.failed(error)
      throw codedError(failure) ?? failure
    }
  }

  return {
    receive,
    sweep: () => rm(folder, { recursive: true, force: true }),
  }
}

/**
 * Resolves when the whole body was read and its files are written.
 * @param most  bytes of the files of any request
 * @param checks  `spend` gets the bytes of each piece, and may throw
 */
function parse(
  request: IncomingMessage,
  parts: Parts,
  most: number,
  { spend, hold }: Required<Pick<UploadChecks, 'spend' | 'hold'>>,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const body = contentOf(request)
    let isOver = false
    let came = () => {}
    const broken = (error: unknown) => {
      isOver = true
      came()
      request.off('close', cut)
      body.off('data', count)
      if (body !== request) body.destroy()
      parts.abort()
      reject(error)
    }
    // Of the files, and of what is around them: a compressed body may be endless.
    let left = most + MAX_FRAMING_BYTES
    let beforeFiles = 0
    let isInMemory = true
    const waitForRoom = () => {
      isInMemory = false
      body.unpipe(parser)
      body.pause()
      void hold(MAX_BODY_BYTES).then(() => {
        if (isOver) return
        came = expectSoon(broken)
        body.pipe(parser)
      })
    }
    const count = (chunk: Buffer) => {
      if (isInMemory && beforeFiles >= LARGE_BYTES) waitForRoom()
      beforeFiles += chunk.length
      left -= chunk.length
      if (left < 0) return broken(tooManyBytes(parts.limit))
      try {
        spend(chunk.length)
      } catch (error) {
        broken(error)
      }
    }
    const cut = () => {
      if (!request.readableEnded) broken(requestError('The request ended in the middle of its body.'))
    }
    let parser: BusboyInstance
    try {
      parser = new Busboy({
        headers: request.headers as BusboyHeaders,
        limits: { fieldSize: MAX_BODY_BYTES, files: MAX_FILES, fields: 2, headerPairs: 20 },
        // Some clients send these two as files.
        isPartAFile: (name) => name !== 'operations' && name !== 'map',
      })
    } catch (error) {
      return reject(requestError(`The body is not multipart/form-data: ${(error as Error).message}.`))
    }
    parser.on('field', (name, value, _nameCut, valueCut) => {
      try {
        const limit = name === 'map' ? MAX_MAP_BYTES : MAX_BODY_BYTES
        if (valueCut || value.length > limit)
          throw tooLarge(`The part "${name}" has more than ${limit} bytes.`)
        parts.field(name, value)
      } catch (error) {
        broken(error)
      }
    })
    parser.on('file', (name: string | undefined, content, filename) => {
      isInMemory = false
      came()
      // Busboy tells of a cut body here too, even when nobody listens any more.
      content.on('error', () => {})
      try {
        if (name === undefined) throw requestError('A part of the form has no name.')
        parts.file(name, content, filename, broken)
      } catch (error) {
        broken(error)
        // One that nobody takes would hold up the rest.
        content.resume()
      }
    })
    parser.on('filesLimit', () => broken(tooLarge(`The request has more than ${MAX_FILES} files.`)))
    parser.on('fieldsLimit', () =>
      broken(requestError('The parts "operations" and "map" may come only once.')),
    )
    parser.on('error', (error) =>
      broken(requestError(`The body is not multipart/form-data: ${(error as Error).message}.`)),
    )
    parser.on('finish', () => {
      came()
      request.off('close', cut)
      parts.written().then(resolve, reject)
    })
    body.on('error', ({ message }) => broken(requestError(`The body cannot be read: ${message}.`)))
    request.once('close', cut)
    // A request that is closed already tells nobody again.
    if (request.destroyed) return cut()
    body.on('data', count).pipe(parser)
  })
}

/** What has come of a request. */
class Parts {
  readonly #folder: string
  readonly #limits: UploadLimits
  readonly #disk: { room: Room; lowWater: Pick<LowWater, 'check'> }
  readonly #admit: (operations: object) => void
  readonly #length: number
  #limit: UploadLimit
  #bytes = 0
  readonly #aborted = new AbortController()
  readonly #writes: Promise<void>[] = []
  readonly #paths: string[] = []
  /** Of all file parts that began. */
  readonly #names = new Set<string>()
  readonly #files = new Map<string, UploadedFile>()
  #operations: unknown
  /** From the name of a file part to the places in `operations`. */
  #map: Record<string, string[]> | undefined

  /** @param length  of the whole request, as it says itself; 0 where it does not */
  constructor(
    folder: string,
    limits: UploadLimits,
    disk: { room: Room; lowWater: Pick<LowWater, 'check'> },
    admit: (operations: object) => void,
    length: number,
  ) {
    this.#admit = admit
    this.#folder = folder
    this.#limits = limits
    this.#disk = disk
    this.#length = length
    // Of one that does not say what it is, before it does.
    this.#limit = limits.of({})
    if (length > limits.most + MAX_FRAMING_BYTES) throw tooManyBytes(this.#limit)
  }

  /** Of all its files together, as far as is known. */
  get limit(): UploadLimit {
    return this.#limit
  }

  field(name: string, value: string): void {
    if (name === 'operations') {
      this.#operations = parseJson(name, value)
      if (typeof this.#operations !== 'object' || this.#operations === null) {
        throw requestError('The part "operations" is not an object.')
      }
      this.#admit(this.#operations)
      this.#limit = this.#limits.of(this.#operations)
      if (this.#length > this.#limit.bytes + MAX_FRAMING_BYTES) throw tooManyBytes(this.#limit)
      this.#checkDisk()
    } else {
      const map = parseJson(name, value)
      if (!isMap(map)) throw requestError('The part "map" must be an object of lists of paths.')
      this.#map = map
    }
  }

  /** @param filename  undefined for a field of a form that is no file */
  file(
    name: string,
    content: Readable,
    filename: string | undefined,
    onError: (error: unknown) => void,
  ): void {
    if (filename === undefined && !(this.#map !== undefined && Object.hasOwn(this.#map, name))) {
      throw requestError(
        `The form has a field "${name.slice(0, 200)}"; beside its files it has "operations" and "map" only.`,
      )
    }
    if (this.#operations === undefined || this.#map === undefined) {
      throw requestError('The parts "operations" and "map" must come before the files.')
    }
    if (!Object.hasOwn(this.#map, name))
      throw requestError(`The part "map" does not name the file part "${name}".`)
    if (this.#names.has(name)) throw requestError(`There are two file parts "${name}".`)
    const path = join(this.#folder, randomUUID())
    this.#paths.push(path)
    this.#names.add(name)
    const write = this.#write(content, path).then((size) => {
      this.#files.set(name, new UploadedFile(filename ?? name, size, path))
    })
    write.catch(onError)
    this.#writes.push(write)
  }

  async #write(content: Readable, path: string): Promise<number> {
    let size = 0
    const count = (bytes: number) => {
      size += bytes
      this.#bytes += bytes
      if (this.#bytes > this.#limit.bytes) throw tooManyBytes(this.#limit)
      // Not to the last byte: others need some.
      this.#checkDisk()
    }
    async function* counted(chunks: AsyncIterable<Buffer>) {
      for await (const chunk of chunks) {
        count(chunk.length)
        yield chunk
      }
    }
    const target = createWriteStream(path, { flags: 'wx' })
    const closed = new Promise<void>((resolve) => target.once('close', resolve))
    try {
      await pipeline(content, counted, target, { signal: this.#aborted.signal })
    } finally {
      // An abort does not wait for a file that is being opened: it would be made after it was deleted.
      await closed
    }
    return size
  }

  #checkDisk(): void {
    this.#disk.room.check()
    if (this.#limit.isKept) this.#disk.lowWater.check()
  }

  async written(): Promise<void> {
    await Promise.all(this.#writes)
  }

  abort(): void {
    this.#aborted.abort()
  }

  /** Puts every file in its places. */
  assemble(): object {
    if (this.#operations === undefined) throw requestError('The part "operations" is missing.')
    for (const [name, places] of Object.entries(this.#map ?? {})) {
      const file = this.#files.get(name)
      if (file === undefined) throw requestError(`The file part "${name}", which the map names, is missing.`)
      for (const place of places) put(this.#operations as object, place, file)
    }
    return this.#operations as object
  }

  async release(): Promise<void> {
    this.abort()
    await Promise.allSettled(this.#writes)
    const held = [...this.#files.values()].filter(({ isHeld }) => isHeld)
    // One that is left over goes when the server starts anew.
    for (const file of held) file.onFree(() => rm(file.path, { force: true }).catch(() => {}))
    const waiting = held.map(({ path }) => path)
    const free = this.#paths.filter((path) => !waiting.includes(path))
    await Promise.all(free.map((path) => rm(path, { force: true })))
  }
}

/** Only where a null stands, as the specification has it: so a path can reach nothing that is not a value of the request. */
function put(operations: object, place: string, file: UploadedFile): void {
  const keys = place.split('.')
  const last = keys.pop()!
  let at: unknown = operations
  for (const key of keys) {
    at = isObject(at) && Object.hasOwn(at, key) ? (at as Record<string, unknown>)[key] : undefined
  }
  if (!isObject(at) || !Object.hasOwn(at, last) || (at as Record<string, unknown>)[last] !== null) {
    throw requestError(`The path "${place.slice(0, 200)}" of the map does not lead to a null in operations.`)
  }
  ;(at as Record<string, unknown>)[last] = file
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null
}

function isMap(value: unknown): value is Record<string, string[]> {
  return (
    isObject(value) &&
    Object.values(value).every(
      (places) => Array.isArray(places) && places.every((place) => typeof place === 'string'),
    )
  )
}

function parseJson(part: string, text: string): unknown {
  try {
    return JSON.parse(text.replace(/^\uFEFF/, ''))
  } catch {
    throw requestError(`The part "${part}" is not JSON.`)
  }
}

const tooLarge = (message: string) => requestError(message, 413)

const tooManyBytes = ({ bytes, setting }: UploadLimit) =>
  tooLarge(`The files of a request may have ${bytes} bytes together (${setting}).`)
