import type { IncomingMessage, ServerResponse } from 'node:http'
import { resolve } from 'node:path'
import type { Logger } from 'pino'
import send from 'send'
import { ASSETS_PATH } from './addresses.ts'
import { text } from './answers.ts'
import { requestIdOf } from './request-id.ts'

/** The dashboard as `npm run build` makes it of web/. Seen from src/server and from dist/server alike. */
const FOLDER = resolve(import.meta.dirname, '../../dist/web')

/**
 * What a page may do: run the server's own scripts, talk to the server, and show pictures that came in an answer or
 * that a person chose. Nothing inline, nothing from elsewhere.
 */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data: blob:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ')

/** Their names hold a digest of what is in them. */
const ASSETS_CACHE = 'public, max-age=31536000, immutable'

/** Answers GET and HEAD with the dashboard: every page is the same document, which reads the address, and its assets. */
export function createPageHandler(logger: Pick<Logger, 'error'>) {
  return (request: IncomingMessage, response: ServerResponse) => {
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      response.setHeader('allow', 'GET, HEAD')
      text(response, 405, 'Only GET and HEAD.')
      return
    }
    const path = new URL(request.url!, 'http://localhost').pathname
    const isAsset = path.startsWith(ASSETS_PATH)
    response.setHeader('cache-control', isAsset ? ASSETS_CACHE : 'no-cache')
    if (!isAsset) response.setHeader('content-security-policy', POLICY)
    send(request, isAsset ? path : '/index.html', {
      root: FOLDER,
      cacheControl: false,
      lastModified: false,
      index: false,
    })
      .on('error', ({ status, message }: Error & { status?: number }) => {
        response.setHeader('cache-control', 'no-store')
        if (status === 412 || status === 416) return text(response, status, message)
        if (isAsset) return text(response, 404, 'There is no such file of the dashboard.')
        logger.error({ path, message, requestId: requestIdOf(request) }, 'the dashboard is not built')
        text(response, 404, 'The dashboard is not built: run `npm run build` and start the server again.')
      })
      .on('directory', () => text(response, 404, 'There is no such file of the dashboard.'))
      .pipe(response)
  }
}
