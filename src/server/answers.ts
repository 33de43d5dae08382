import type { IncomingMessage, ServerResponse } from 'node:http'

/** Answers a request; what it cannot answer it says itself. */
export type Handler = (request: IncomingMessage, response: ServerResponse) => void

export function json(response: ServerResponse, status: number, body: object): void {
  response
    .writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store' })
    .end(JSON.stringify(body))
}

export function text(response: ServerResponse, status: number, body: string): void {
  response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8' }).end(`${body}\n`)
}
