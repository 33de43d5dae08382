import type { IncomingMessage } from 'node:http'
import { BlockList, isIP } from 'node:net'

/** The addresses that a machine has for itself alone; an IPv4 address written as an IPv6 one is judged as itself. */
const LOOPBACK = new BlockList()
LOOPBACK.addSubnet('127.0.0.0', 8, 'ipv4')
LOOPBACK.addAddress('::1', 'ipv6')

/** Who may talk to the server from inside a browser. Programs, which send no Origin, always may. */
export interface OriginPolicy {
  /** False when the Host header names a host that is not this server: DNS rebinding. */
  hostAllowed(request: IncomingMessage): boolean
  /** False when a page of another origin opens a WebSocket, which no CORS rule would stop. */
  originAllowed(request: IncomingMessage): boolean
  /** Whether it comes from a page of the server itself, from a browser's address bar, or from a program. */
  isOwnOrigin(request: IncomingMessage): boolean
}

export function createOriginPolicy(options: {
  /** What HOST says. */
  host: string
  /** Where that led: the address the server is bound to. */
  address: string
  allowedOrigins: readonly string[]
}): OriginPolicy {
  const origins = new Set(options.allowedOrigins)
  const names = new Set([
    'localhost',
    nameIn(options.host),
    ...[...origins].map((origin) => nameIn(new URL(origin).host)),
  ])
  // Bound to an address that others reach, the server can't know the names they reach it by.
  const checksHost = isLoopback(options.address)
  return {
    hostAllowed(request) {
      if (!checksHost) return true
      const name = nameIn(request.headers.host ?? '')
      // No name system has a say in what an address leads to.
      return name !== null && (names.has(name) || isLoopback(name))
    },
    originAllowed: (request) => origins.has(request.headers.origin ?? '') || isOwnOrigin(request),
    isOwnOrigin,
  }
}

function isOwnOrigin({ headers: { origin, host } }: IncomingMessage): boolean {
  return origin === undefined || (URL.canParse(origin) && new URL(origin).host === host)
}

/** Whether only the machine itself reaches an address. */
export function isLoopback(address: string): boolean {
  const version = isIP(address)
  return version !== 0 && LOOPBACK.check(address, version === 4 ? 'ipv4' : 'ipv6')
}

/** Hosts that were asked for, and what `nameIn` made of them: clients say the same again and again. */
const known = new Map<string, string | null>()
const MOST_NAMES = 100

/** The name or address in a Host header, in the one spelling that URLs give it; null where it is neither. */
function nameIn(host: string): string | null {
  let name = known.get(host)
  if (name === undefined) {
    name = readName(host)
    if (known.size === MOST_NAMES) known.clear()
    known.set(host, name)
  }
  return name
}

function readName(host: string): string | null {
  const url = `http://${isIP(host) === 6 ? `[${host}]` : host}`
  if (/[/?#@\\]/.test(host) || !URL.canParse(url)) return null
  return new URL(url).hostname.replace(/^\[|\]$/g, '').replace(/\.$/, '')
}
