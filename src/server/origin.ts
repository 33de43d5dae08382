import type { IncomingMessage } from 'node:http'

const LOOPBACK = new Set(['localhost', '127.0.0.1', '[::1]'])

/** Who may talk to the server from inside a browser. Programs, which send no Origin, always may. */
export interface OriginPolicy {
  /** False when the Host header names a host that is not this server: DNS rebinding. */
  hostAllowed(request: IncomingMessage): boolean
  /** False when a page of another origin opens a WebSocket, which no CORS rule would stop. */
  originAllowed(request: IncomingMessage): boolean
}

export function createOriginPolicy(options: {
  host: string
  allowedOrigins: readonly string[]
}): OriginPolicy {
  const origins = new Set(options.allowedOrigins)
  const names = new Set([...LOOPBACK, ...[...origins].map((origin) => new URL(origin).hostname)])
  // Bound to an address that others reach, the server can't know the names they reach it by.
  const checksHost = LOOPBACK.has(options.host) || options.host === '::1'
  return {
    hostAllowed(request) {
      const host = hostnameOf(`http://${request.headers.host ?? ''}`)
      return !checksHost || (host !== null && names.has(host))
    },
    originAllowed(request) {
      const { origin, host } = request.headers
      if (origin === undefined || origins.has(origin)) return true
      return URL.canParse(origin) && new URL(origin).host === host
    },
  }
}

function hostnameOf(url: string): string | null {
  return URL.canParse(url) ? new URL(url).hostname : null
}
