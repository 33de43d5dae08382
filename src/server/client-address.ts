import type { IncomingMessage } from 'node:http'
import { isIP } from 'node:net'
import proxyaddr from 'proxy-addr'

/** The address of whoever sent a request, as far as it can be believed. */
export type ClientAddress = (request: Pick<IncomingMessage, 'headers' | 'socket'>) => string

/** Whose word on `X-Forwarded-For` is taken: see `createClientAddress`. */
export function isProxyList(proxies: readonly string[]): boolean {
  try {
    proxyaddr.compile([...proxies])
    return true
  } catch {
    return false
  }
}

/**
 * What `X-Forwarded-For` says is anybody's word, but for what a proxy of one's own added to it.
 * @param proxies  addresses, subnets (10.0.0.0/8), and `loopback`, `linklocal`, `uniquelocal`; of none, the header counts
 *   for nothing
 */
export function createClientAddress(proxies: readonly string[]): ClientAddress {
  const trusts = proxyaddr.compile([...proxies])
  return (request) => {
    const nearest = plain(request.socket.remoteAddress ?? 'unknown')
    if (proxies.length === 0 || request.headers['x-forwarded-for'] === undefined) return nearest
    // What is no address is not one that a proxy of one's own would have added: the proxy itself asks, then.
    const told = plain(proxyaddr(request as IncomingMessage, trusts))
    return isIP(told) === 0 ? nearest : told
  }
}

/** Whether a request was sent by a proxy of one's own, and not by its client. */
export function createProxyCheck(
  proxies: readonly string[],
): (request: Pick<IncomingMessage, 'socket'>) => boolean {
  const trusts = proxyaddr.compile([...proxies])
  return ({ socket: { remoteAddress } }) =>
    proxies.length > 0 && remoteAddress !== undefined && trusts(remoteAddress, 0)
}

/** An IPv4 address that was written as an IPv6 one, as itself. */
function plain(address: string): string {
  return address.replace(/^::ffff:(?=\d+\.\d+\.\d+\.\d+$)/i, '')
}
