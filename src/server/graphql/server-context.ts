import type { IncomingMessage, ServerResponse } from 'node:http'

/** What yoga is given beside each request that it answers. Over WebSocket there is no response. */
export interface ServerContext {
  req: IncomingMessage
  res: ServerResponse
}
