import type { IncomingMessage } from 'node:http'
import type { Readable } from 'node:stream'
import { createBrotliDecompress, createGunzip, createInflate } from 'node:zlib'
import { createBudget } from '../concurrency/budget.ts'
import { requestError } from './graphql/client-error.ts'

const UTF8 = new TextDecoder('utf-8', { fatal: true })

const DECODERS = {
  gzip: createGunzip,
  'x-gzip': createGunzip,
  deflate: createInflate,
  br: createBrotliDecompress,
}

/**
 * The content of a request's body, as it was before it was compressed. It has an error in words when it is not what its
 * Content-Encoding says. Throws a GraphQLError for an encoding that is not known.
 */
export function contentOf(request: IncomingMessage): Readable {
  const encoding = request.headers['content-encoding']?.trim().toLowerCase() || 'identity'
  if (encoding === 'identity') return request
  if (!Object.hasOwn(DECODERS, encoding)) {
    throw requestError(
      `The content encoding "${encoding.slice(0, 50)}" is not read. Send gzip, deflate, br or none.`,
      415,
      { 'accept-encoding': 'gzip, deflate, br' },
    )
  }
  const decoder = DECODERS[encoding as keyof typeof DECODERS]()
  const content = request.pipe(decoder)
  // Pipe passes no end on that came too early.
  request.once('close', () => void (request.readableEnded || decoder.destroy()))
  return content
}

/** Bodies that are in memory as a whole are large from this size on, in bytes of their content. */
export const LARGE_BYTES = 64 * 1024
/** For a large body to come, from when it may: 30 MB at 0.8 Mbit/s. Others may wait for it. */
const LARGE_MS = 5 * 60_000

/** What is in memory of large bodies together, from when they are read until they are answered. */
export interface LargeBodies {
  /** Resolves when there is room for so many bytes. They are counted until `over` resolves. */
  admit(bytes: number, over: Promise<unknown>): Promise<void>
}

/** @param limit  bytes; a body that is larger waits until it is alone */
export function createLargeBodies(limit: number): LargeBodies {
  const budget = createBudget(limit)
  return {
    admit: (bytes, over) =>
      new Promise((resolve) => {
        void budget.spend(bytes, () => {
          resolve()
          return over
        })
      }),
  }
}

/**
 * Gives a large body that was let in its time.
 * @param fail  gets an error when it is over
 * @returns to be called when the body is here
 */
export function expectSoon(fail: (error: Error) => void): () => void {
  const message = `The body did not come within ${LARGE_MS / 60_000} minutes.`
  const timer = setTimeout(() => fail(requestError(message, 408)), LARGE_MS).unref()
  return () => clearTimeout(timer)
}

/**
 * Reads a body whole.
 *
 * @param maxBytes  of its content, so that a small body cannot become a large one
 * @param admit  gets the bytes of a large one, as far as is known beforehand, and lets it be read when there is room
 * @returns its text without a byte order mark. Throws a GraphQLError that says what is wrong with it.
 */
export function readText(
  request: IncomingMessage,
  maxBytes: number,
  admit: (bytes: number) => Promise<void> = async () => {},
): Promise<string> {
  return new Promise((resolve, reject) => {
    const tooLarge = () => requestError(`The body has more than ${maxBytes} bytes.`, 413)
    const length = Number(request.headers['content-length'] ?? Number.NaN)
    if (length > maxBytes) throw tooLarge()
    const content = contentOf(request)
    const chunks: Buffer[] = []
    let size = 0
    let isLarge = false
    let came = () => {}
    const fail = (error: Error) => {
      came()
      content.off('data', take)
      // What is left of the body is read and thrown away, so that the client gets to read the answer.
      request.unpipe()
      request.resume()
      if (content !== request) content.destroy()
      reject(error)
    }
    const take = (chunk: Buffer) => {
      size += chunk.length
      if (size > maxBytes) return fail(tooLarge())
      chunks.push(chunk)
      if (!isLarge && size >= LARGE_BYTES) waitForRoom()
    }
    const waitForRoom = () => {
      isLarge = true
      content.pause()
      const isKnown = content === request && !Number.isNaN(length)
      void admit(isKnown ? length : maxBytes).then(() => {
        if (!request.destroyed) came = expectSoon(fail)
        content.resume()
      })
    }
    content.on('data', take)
    content.once('end', () => {
      came()
      content.off('close', cut)
      try {
        resolve(UTF8.decode(chunks.length === 1 ? chunks[0] : Buffer.concat(chunks, size)))
      } catch {
        reject(requestError('The body is not UTF-8.'))
      }
    })
    content.on('error', ({ message }) => fail(requestError(`The body cannot be read: ${message}.`)))
    const cut = () => fail(requestError('The request ended in the middle of its body.'))
    content.once('close', cut)
    // A request that is closed already tells nobody again.
    if (request.destroyed && !request.readableEnded) cut()
  })
}
