import type { IncomingMessage } from 'node:http'
import { isIPv6 } from 'node:net'
import type { Quota, Quotas } from '../../access/quotas.ts'
import type { Viewer } from '../../access/viewer.ts'
import type { ClientAddress } from '../client-address.ts'
import { isLoopback } from '../origin.ts'

/** For whom it counts what is asked. */
export interface Counter {
  /** For the owner of a token. */
  ofViewer(viewer: Viewer): Quota
  /** For the address, as long as nobody is known; undefined where it is not limited. */
  ofAddress(request: IncomingMessage): Quota | undefined
  /** See Quotas. */
  attempt(request: IncomingMessage, identify: () => Viewer): Viewer
}

export function createCounter(options: {
  quotas: Quotas
  addressOf: ClientAddress
  /** Whether this machine itself is limited. */
  countsLoopback: boolean
}): Counter {
  const { quotas, addressOf, countsLoopback } = options
  // Of a WebSocket, the request is asked of for each operation.
  const ofRequests = new WeakMap<IncomingMessage, { quota: Quota | undefined }>()
  const ofViewers = new WeakMap<Viewer, Quota>()

  function quotaFor(request: IncomingMessage): Quota | undefined {
    const address = addressOf(request)
    return !countsLoopback && isLoopback(address) ? undefined : quotas.of(`address ${networkOf(address)}`)
  }

  return {
    ofViewer(viewer) {
      let quota = ofViewers.get(viewer)
      if (quota === undefined) {
        quota = quotas.of(`owner ${viewer.id}`)
        ofViewers.set(viewer, quota)
      }
      return quota
    },
    ofAddress(request) {
      let known = ofRequests.get(request)
      if (known === undefined) {
        known = { quota: quotaFor(request) }
        ofRequests.set(request, known)
      }
      return known.quota
    },
    attempt: (request, identify) => quotas.attempt(networkOf(addressOf(request)), identify),
  }
}

/** Who has an IPv6 address has the 2^64 of its network: they count as one. */
export function networkOf(address: string): string {
  if (!isIPv6(address)) return address
  const [written, rest] = new URL(`http://[${address.split('%')[0]}]`).hostname.slice(1, -1).split('::')
  const groups = written!.split(':').filter(Boolean)
  const last = rest?.split(':').filter(Boolean) ?? []
  // Between them stand as many zeros as are missing.
  const all = [...groups, ...Array(8 - groups.length - last.length).fill('0'), ...last]
  return `${all.slice(0, 4).join(':')}::/64`
}
