import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerResponse,
} from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { setTimeout } from 'node:timers/promises'
import type { Logger } from 'pino'
import { type Handler, text } from './answers.ts'
import { attachWebSocket } from './graphql/websocket.ts'
import type { OriginPolicy } from './origin.ts'
import { REQUEST_ID, requestIdOf } from './request-id.ts'
import { type Handlers, routesOf } from './routes.ts'
import { readPair, renew, type TlsFiles } from './tls.ts'
import { HttpRequest } from './upgrade.ts'

/** For requests at work when the server stops; server-sent streams would never end. */
const LAST_ANSWERS_MS = 1000

/** For a request to come in: Node's own 5 minutes would cut 1 GiB from a line of 25 Mbit/s. This is enough for 3 Mbit/s. */
const REQUEST_MS = 60 * 60 * 1000
/** Longer than proxies and clients keep a connection that is idle: who sends on one while it is closed gets no answer. */
const IDLE_MS = 75_000

export interface HttpServer {
  /** Where it listens: http://127.0.0.1:4000, or https://... */
  readonly url: string
  /** The address it is bound to, whatever the name that led there. */
  readonly address: string
  /** Answers what has come so far, and what comes. */
  serve(options: HttpOptions): void
  /** Stops listening, lets what is at work be answered, ends streams, and resolves when the last connection is closed. */
  close(): Promise<void>
}

export interface HttpOptions extends Handlers {
  policy: OriginPolicy
  /** Whether a proxy of one's own sent the request, whose id for it is taken; none does when left out. */
  isFromProxy?(request: IncomingMessage): boolean
}

export interface ListenOptions {
  /** Without them it speaks HTTP in clear. */
  tls?: TlsFiles | null
  logger?: Pick<Logger, 'info' | 'warn'>
}

/**
 * Takes the port. A server does so before anything else, to learn early that it cannot be had; who asks before there is
 * an answer waits for it.
 * @throws an Error with one line when the port is taken, the host is not this machine's, or the certificate is no good
 */
export async function listen(
  host: string,
  port: number,
  { tls = null, logger }: ListenOptions = {},
): Promise<HttpServer> {
  let start: (answer: Handler) => void = () => {}
  const started = new Promise<Handler>((resolve) => {
    start = resolve
  })
  const settings = { requestTimeout: REQUEST_MS, keepAliveTimeout: IDLE_MS, IncomingMessage: HttpRequest }
  const answerWhenStarted: RequestListener<typeof HttpRequest> = async (request, response) => {
    request.url = originForm(request.url!)
    endWithBody(request, response)
    const answer = await started
    if (!response.destroyed) answer(request, response)
  }
  let server: Server
  let endRenewal = () => {}
  if (tls === null) server = createServer(settings, answerWhenStarted)
  else {
    const pair = readPair(tls)
    const secured = createTlsServer({ ...settings, ...pair }, answerWhenStarted)
    endRenewal = renew(secured, tls, pair, {
      renewed: () => logger?.info({ certificate: tls.cert }, 'took the new certificate'),
      failed: (error) => logger?.warn({ err: error }, 'the certificate stays as it was'),
    })
    server = secured
  }
  try {
    await bound(server, host, port)
  } catch (error) {
    endRenewal()
    throw error
  }
  let websocket: { close(): Promise<void> } | undefined
  const close = async () => {
    endRenewal()
    const closed = new Promise((resolve) => server.close(resolve))
    if (websocket !== undefined) {
      const answered = Promise.race([closed, setTimeout(LAST_ANSWERS_MS, undefined, { ref: false })])
      await Promise.all([websocket.close(), answered])
    }
    server.closeAllConnections()
    await closed
  }
  let closing: Promise<void> | undefined
  const address = server.address() as AddressInfo
  return {
    url: urlOf(address, tls === null ? 'http' : 'https'),
    address: address.address,
    serve(options) {
      websocket = attachWebSocket(server, options)
      start(answerOf(options))
    },
    close: () => (closing ??= close()),
  }
}

/** For a body to come to its end after its answer is known. */
const REST_MS = 5000

/**
 * Lets a client that sends on when its answer is known already read it. A connection that closes with the answer is reset
 * when something comes after it, and the answer may be lost: there, what is left of the body is read and thrown away first.
 */
function endWithBody(request: IncomingMessage, response: ServerResponse): void {
  const { headers, httpVersion } = request
  if (httpVersion !== '1.0' && !/\bclose\b/i.test(headers.connection ?? '')) return
  const end = response.end.bind(response) as (...args: unknown[]) => ServerResponse
  response.end = (...args: unknown[]) => {
    if (request.complete || request.destroyed) return end(...args)
    request.unpipe()
    request.resume()
    const over = new AbortController()
    const read = new Promise<void>((resolve) => request.once('end', resolve).once('close', resolve))
    const late = setTimeout(REST_MS, undefined, { ref: false, signal: over.signal }).catch(() => {})
    void Promise.race([read, late]).then(() => {
      over.abort()
      end(...args)
    })
    return response
  }
}

/** A client that takes the server for a proxy asks for a whole URL, and is to be answered (RFC 9112, 3.2.2). */
function originForm(target: string): string {
  const rest = /^https?:\/\/[^/?#]*(.*)$/i.exec(target)?.[1]
  return rest === undefined ? target : rest.startsWith('/') ? rest : `/${rest}`
}

/** Of every answer: nobody guesses what it is, shows it in a frame of another page, or hears where its reader came from. */
const HEADERS = [
  ['x-content-type-options', 'nosniff'],
  ['x-frame-options', 'DENY'],
  ['referrer-policy', 'no-referrer'],
] as const

function answerOf({ policy, isFromProxy, ...handlers }: HttpOptions): Handler {
  const handlerAt = routesOf(handlers)
  return (request, response) => {
    for (const [name, value] of HEADERS) response.setHeader(name, value)
    response.setHeader(REQUEST_ID, requestIdOf(request, isFromProxy?.(request)))
    if (policy.hostAllowed(request)) return handlerAt(request.url!.split('?')[0]!)(request, response)
    text(response, 403, 'This host name is not one of the server; see ALLOWED_ORIGINS.')
  }
}

function bound(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      reject(new Error(whyNotBound(error, host, port), { cause: error }))
    })
    server.listen(port, host, resolve)
  })
}

function whyNotBound({ code, syscall, message }: NodeJS.ErrnoException, host: string, port: number): string {
  if (code === 'EADDRINUSE') {
    return `PORT ${port} is in use by another program; stop that one or set another PORT.`
  }
  if (code === 'EACCES') return `PORT ${port} may not be used by this user; set a PORT above 1023.`
  const remedy =
    'Set HOST to 127.0.0.1 (the default), to 0.0.0.0 to be reached from other machines, or to an address or name of this machine.'
  if (code === 'EADDRNOTAVAIL') return `HOST ${host} is not an address of this machine. ${remedy}`
  if (syscall === 'getaddrinfo')
    return `HOST ${host} is no address, and no name that leads to one (${code}). ${remedy}`
  return `HOST ${host} cannot be listened on (${message}). ${remedy}`
}

function urlOf({ address, port, family }: AddressInfo, protocol: string): string {
  return `${protocol}://${family === 'IPv6' ? `[${address}]` : address}:${port}`
}
