import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout } from 'node:timers/promises'
import { DOWNLOADS_PATH } from './downloads.ts'
import { GRAPHQL_PATH, type GraphQLHandler } from './graphql.ts'
import type { OriginPolicy } from './origin.ts'
import { HttpRequest } from './upgrade.ts'
import { isMultipart } from './uploads-plugin.ts'
import { attachWebSocket } from './websocket.ts'

export const HEALTH_PATH = '/health'

/** For requests at work when the server stops; server-sent streams would never end. */
const LAST_ANSWERS_MS = 1000

/** For a request to come in: Node's own 5 minutes would cut 1 GiB from a line of 25 Mbit/s. This is enough for 3 Mbit/s. */
const REQUEST_MS = 60 * 60 * 1000

export interface HttpServer {
  /** Where it listens: http://127.0.0.1:4000 */
  readonly url: string
  /** Stops listening, lets what is at work be answered, ends streams, and resolves when the last connection is closed. */
  close(): Promise<void>
}

export interface HttpOptions {
  host: string
  port: number
  handler: GraphQLHandler
  /** For requests with files. */
  uploadHandler: GraphQLHandler
  downloads(request: IncomingMessage, response: ServerResponse): Promise<void>
  policy: OriginPolicy
  /** Rejects when the server can't do its work. */
  health(): Promise<object>
}

/** @throws an Error with one line when the port is taken or the host is not this machine's */
export async function listen(options: HttpOptions): Promise<HttpServer> {
  const { host, port, handler, uploadHandler, downloads, policy } = options
  const settings = { requestTimeout: REQUEST_MS, IncomingMessage: HttpRequest }
  const server = createServer(settings, (request, response) => {
    if (!policy.hostAllowed(request))
      return text(response, 403, 'This host name is not one of the server; see ALLOWED_ORIGINS.')
    const path = request.url?.split('?')[0]
    if (path === GRAPHQL_PATH) {
      const hasFiles = isMultipart(request.method, request.headers['content-type'])
      return void (hasFiles ? uploadHandler : handler)(request, response)
    }
    if (path?.startsWith(DOWNLOADS_PATH)) return void downloads(request, response)
    if (path === HEALTH_PATH) return void answerHealth(options, response)
    if (path === '/') return void response.writeHead(302, { location: GRAPHQL_PATH }).end()
    text(response, 404, `There is nothing here. The API and its playground are at ${GRAPHQL_PATH}.`)
  })
  const websocket = attachWebSocket(server, handler, policy)
  await started(server, host, port)
  const close = async () => {
    const closed = new Promise((resolve) => server.close(resolve))
    await Promise.all([
      websocket.close(),
      Promise.race([closed, setTimeout(LAST_ANSWERS_MS, undefined, { ref: false })]),
    ])
    server.closeAllConnections()
    await closed
  }
  let closing: Promise<void> | undefined
  return {
    url: urlOf(server.address() as AddressInfo),
    close: () => (closing ??= close()),
  }
}

async function answerHealth(
  { health }: HttpOptions,
  response: ServerResponse<IncomingMessage>,
): Promise<void> {
  try {
    const body = JSON.stringify(await health())
    response.writeHead(200, { 'content-type': 'application/json', 'cache-control': 'no-store' }).end(body)
  } catch {
    text(response, 503, 'The database does not answer.')
  }
}

function text(response: ServerResponse<IncomingMessage>, status: number, body: string): void {
  response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8' }).end(`${body}\n`)
}

function started(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const reasons: Record<string, string> = {
        EADDRINUSE: `PORT ${port} is in use by another program; stop that one or set another PORT.`,
        EACCES: `PORT ${port} may not be used by this user; set a PORT above 1023.`,
        EADDRNOTAVAIL: `HOST ${host} is not an address of this machine.`,
        ENOTFOUND: `HOST ${host} is not known.`,
      }
      reject(new Error(reasons[error.code ?? ''] ?? error.message, { cause: error }))
    })
    server.listen(port, host, resolve)
  })
}

function urlOf({ address, port, family }: AddressInfo): string {
  return `http://${family === 'IPv6' ? `[${address}]` : address}:${port}`
}
