/** `vggzoo/client` in Node, which has no WebSocket of its own before 22. */
import WebSocket from 'ws'
import { type Client, type ClientOptions, createClient as create } from './client.ts'

export * from './index.ts'

/** The client of the browser, over `ws`, which sends the headers, too. */
export function createClient(options: ClientOptions): Client {
  const { headers } = options
  class Socket extends WebSocket {
    constructor(url: string, protocols: string) {
      super(url, protocols, { headers: typeof headers === 'function' ? undefined : headers })
      // One that is given up while it connects says so when nobody listens any more.
      this.on('error', () => {})
    }
  }
  return create({ WebSocket: Socket, ...options })
}
