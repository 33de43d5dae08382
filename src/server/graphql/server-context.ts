import type { IncomingMessage, ServerResponse } from 'node:http'
import { requestIdOf } from '../request-id.ts'

/** What yoga is given beside each request that it answers. Over WebSocket there is no response. */
export interface ServerContext {
  req: IncomingMessage
  res: ServerResponse
  /** Over WebSocket: the id that the client gave the operation. */
  operation?: string
}

/** What an operation is called in the log: over WebSocket the connection's id, and as much of the client's own as is no flood. */
export function operationIdOf({ req, operation }: Pick<ServerContext, 'req' | 'operation'>): string {
  const id = requestIdOf(req)
  return operation === undefined ? id : `${id}/${operation.slice(0, 64)}`
}
