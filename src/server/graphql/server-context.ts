import type { IncomingMessage } from 'node:http'

/** What yoga is given beside each request that it answers. */
export interface ServerContext {
  req: IncomingMessage
}
