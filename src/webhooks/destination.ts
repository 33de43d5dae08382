import { type LookupAddress, lookup as systemLookup } from 'node:dns'
import { isIP, type LookupFunction } from 'node:net'
import { isPublicAddress } from './public-address.ts'

/** Where a webhook may lead. */
export interface Destinations {
  /** @returns the address as it is kept, or one sentence that says why it is none */
  check(url: string): Promise<{ url: string } | { problem: string }>
  /**
   * For a connection: what a name leads to is judged as it is connected to, since it may be another address than when it
   * was checked. Node asks nobody about an address that is not a name: `problem` judges that.
   */
  readonly lookup: LookupFunction
  /** Of what needs no look-up. */
  problem(url: URL): string | null
}

export type Lookup = (
  hostname: string,
  options: { all: true; family?: number },
  callback: (error: NodeJS.ErrnoException | null, addresses: LookupAddress[]) => void,
) => void

const MAX_CHARACTERS = 2000

/**
 * @param privateAllowed  whether it may be any address, over HTTP in clear as well
 * @param lookup  for tests
 */
export function createDestinations(privateAllowed: boolean, lookup: Lookup = systemLookup): Destinations {
  const guarded: LookupFunction = (hostname, { all, family }, callback) => {
    const asked = { all: true as const, family: typeof family === 'number' ? family : 0 }
    lookup(hostname, asked, (error, addresses) => {
      if (error !== null) return callback(error, [])
      const hidden = addresses.find(({ address }) => !privateAllowed && !isPublicAddress(address))
      if (hidden !== undefined) return callback(new Error(notPublic(hostname, hidden.address)), [])
      const [first] = addresses
      if (first === undefined) return callback(new Error(`${hostname} has no address.`), [])
      if (all) callback(null, addresses)
      else callback(null, first.address, first.family)
    })
  }

  function problem({ protocol, hostname, username, password }: URL): string | null {
    if (protocol !== 'https:' && !(protocol === 'http:' && privateAllowed)) {
      return 'It must begin with https://, or with WEBHOOKS_PRIVATE=true with http://.'
    }
    if (username !== '' || password !== '') return 'It must have no user name and no password.'
    const host = hostOf(hostname)
    if (isIP(host) === 0 || privateAllowed || isPublicAddress(host)) return null
    return notPublic(host, host)
  }

  return {
    lookup: guarded,
    problem,
    async check(text) {
      if (text.length > MAX_CHARACTERS) return { problem: `It has more than ${MAX_CHARACTERS} characters.` }
      if (!URL.canParse(text)) return { problem: 'It must be a URL such as https://example.org/hook.' }
      const url = new URL(text)
      url.hash = ''
      const wrong = problem(url) ?? (await unreached(hostOf(url.hostname)))
      return wrong === null ? { url: url.href } : { problem: wrong }
    },
  }

  function unreached(host: string): Promise<string | null> {
    if (isIP(host) !== 0) return Promise.resolve(null)
    return new Promise((resolve) => {
      guarded(host, { all: true }, (error) => {
        if (error === null) return resolve(null)
        resolve(error.code === undefined ? error.message : `${host} leads to no address (${error.code}).`)
      })
    })
  }
}

/** Without the brackets around an IPv6 address. */
function hostOf(hostname: string): string {
  return hostname.replace(/^\[(.*)\]$/, '$1')
}

function notPublic(host: string, address: string): string {
  const which = host === address ? `${address} is` : `${host} leads to ${address}, which is`
  return `${which} no public address. WEBHOOKS_PRIVATE=true allows others.`
}
