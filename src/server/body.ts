import type { IncomingMessage } from 'node:http'
import type { Readable } from 'node:stream'
import { createBrotliDecompress, createGunzip, createInflate } from 'node:zlib'
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

/**
 * Reads a body whole.
 *
 * @param maxBytes  of its content, so that a small body cannot become a large one
 * @returns its text without a byte order mark. Throws a GraphQLError that says what is wrong with it.
 */
export function readText(request: IncomingMessage, maxBytes: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const tooLarge = () => requestError(`The body has more than ${maxBytes} bytes.`, 413)
    if (Number(request.headers['content-length']) > maxBytes) throw tooLarge()
    const content = contentOf(request)
    const chunks: Buffer[] = []
    let size = 0
    const fail = (error: Error) => {
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
    }
    content.on('data', take)
    content.once('end', () => {
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
