import type { IncomingMessage, ServerResponse } from 'node:http'
import { basename, dirname } from 'node:path'
import type { Logger } from 'pino'
import send from 'send'
import { StoppingError, StorageFullError } from '../errors.ts'
import type { Download, Downloads } from '../models/downloads.ts'
import { DamagedArtifactError } from '../ports/artifact-store.ts'
import type { Gate } from './access/gate.ts'
import type { Links } from './access/links.ts'
import { downloadAt } from './addresses.ts'
import { notAdmitted } from './answers.ts'
import { requestIdOf } from './request-id.ts'

/** What a path leads to is addressed by its content: it never changes. Not for caches that others share. */
const CACHE_CONTROL = 'private, max-age=31536000, immutable'

const NOT_FOUND = 'There is no such file of a model version.'

export interface DownloadOptions {
  gate: Gate
  links: Pick<Links, 'isGood'>
  downloads: Pick<Downloads, 'find'>
  /** Origins beside the server's own whose pages may fetch. */
  allowedOrigins: readonly string[]
  logger: Pick<Logger, 'error'>
}

/** Answers GET and HEAD with files of models: with ETags, conditions and ranges. */
export function createDownloadHandler({ gate, links, downloads, allowedOrigins, logger }: DownloadOptions) {
  return async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    allowOrigin(request, response, allowedOrigins)
    if (request.method === 'OPTIONS') return preflight(response)
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      response.setHeader('allow', 'GET, HEAD, OPTIONS')
      return answer(response, 405, 'Only GET and HEAD.')
    }
    let download: Download | null
    try {
      if (!links.isGood(request.url!)) gate.admit(request, response)
      const name = downloadAt(pathOf(request))
      download = name && (await downloads.find(name))
    } catch (error) {
      if (notAdmitted(response, error)) return
      if (error instanceof StoppingError) return answer(response, 503, error.message)
      logger.error(
        { err: error, path: pathOf(request), requestId: requestIdOf(request) },
        'a download failed',
      )
      if (error instanceof StorageFullError) return answer(response, 507, error.message)
      return answer(
        response,
        500,
        error instanceof DamagedArtifactError
          ? 'The weights file of this version is missing or altered.'
          : 'Unexpected error. The server log says more.',
      )
    }
    if (download === null) return answer(response, 404, NOT_FOUND)
    const { file, content, fileName } = download
    const etag = `"${content}"`
    response.setHeader('etag', etag)
    response.setHeader('content-type', contentTypeOf(fileName))
    response.setHeader('content-disposition', attachment(fileName))
    response.setHeader('cache-control', CACHE_CONTROL)
    response.setHeader('accept-ranges', 'bytes')
    send(request, `/${encodeURIComponent(basename(file))}`, {
      root: dirname(file),
      acceptRanges: rangeCounts(request, etag),
      cacheControl: false,
      lastModified: false,
      dotfiles: 'allow',
      index: false,
    })
      .on('error', ({ status, message }: Error & { status?: number }) => {
        for (const name of ['etag', 'content-disposition', 'cache-control']) response.removeHeader(name)
        if (status === 404) return answer(response, 404, NOT_FOUND)
        if (status === 412) return answer(response, 412, 'The file is another one than the condition names.')
        if (status === 416) return answer(response, 416, 'The range lies outside of the file.')
        logger.error({ path: pathOf(request), message, requestId: requestIdOf(request) }, 'a download failed')
        answer(response, 500, 'Unexpected error. The server log says more.')
      })
      .pipe(response)
  }
}

/** Without the query: the signature of a link is no affair of the log's. */
function pathOf({ url }: IncomingMessage): string {
  return new URL(url!, 'http://localhost').pathname
}

function contentTypeOf(fileName: string): string {
  return fileName.endsWith('.json') ? 'application/json' : 'application/octet-stream'
}

/** The name in any script (RFC 8187), and a plain one for whom cannot read that (RFC 6266). */
function attachment(fileName: string): string {
  const plain = fileName
    .normalize('NFKD')
    .replaceAll(/\p{M}/gu, '')
    .replaceAll(/[^\w.-]+/g, '_')
  const header = `attachment; filename="${plain}"`
  if (plain === fileName) return header
  const percent = (character: string) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`
  return `${header}; filename*=UTF-8''${encodeURIComponent(fileName).replaceAll(/['()*]/g, percent)}`
}

/** Only GET has ranges, and If-Range compares strongly (RFC 9110, 14.2 and 13.1.5); send is laxer in both. */
function rangeCounts({ method, headers }: IncomingMessage, etag: string): boolean {
  const condition = headers['if-range']
  return method === 'GET' && (condition === undefined || condition === etag)
}

function allowOrigin(request: IncomingMessage, response: ServerResponse, allowed: readonly string[]): void {
  const { origin } = request.headers
  if (allowed.length > 0) response.setHeader('vary', 'Origin')
  if (origin === undefined || !allowed.includes(origin)) return
  response.setHeader('access-control-allow-origin', origin)
  response.setHeader(
    'access-control-expose-headers',
    'ETag, Content-Range, Accept-Ranges, Content-Length, X-Request-Id',
  )
}

function preflight(response: ServerResponse): void {
  response.setHeader('access-control-allow-methods', 'GET, HEAD')
  response.setHeader('access-control-allow-headers', 'Authorization, Range, If-Range, If-None-Match')
  response.setHeader('access-control-max-age', '86400')
  response.writeHead(204).end()
}

function answer(response: ServerResponse, status: number, text: string): void {
  if (response.headersSent) return void response.destroy()
  response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8' }).end(`${text}\n`)
}
