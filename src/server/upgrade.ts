import { IncomingMessage } from 'node:http'
import { GRAPHQL_PATH } from './addresses.ts'

/**
 * A request of the server. Node hands the socket of every request that offers another protocol to whoever listens for
 * "upgrade", and the request itself to nobody; Java's HttpClient and `curl --http2` offer h2c each time. What is not ours
 * is to be answered as if it were not offered (RFC 9110, 7.8). Node's parser asks the property `upgrade` which it is.
 */
export class HttpRequest extends IncomingMessage {
  #offered = false

  get upgrade(): boolean {
    return this.#offered && asksForWebSocket(this)
  }

  set upgrade(offered: boolean | null) {
    // The constructor of IncomingMessage sets it too, when there are no fields yet.
    if (#offered in this) this.#offered = offered === true
  }
}

/** Whether the server changes to what is offered: to a WebSocket, at its path and from HTTP/1.1. */
function asksForWebSocket(request: IncomingMessage): boolean {
  const protocols = request.headers.upgrade?.toLowerCase().split(',') ?? []
  return (
    request.method === 'GET' &&
    request.httpVersion !== '1.0' &&
    request.url?.split('?')[0] === GRAPHQL_PATH &&
    protocols.some((protocol) => protocol.trim() === 'websocket')
  )
}
