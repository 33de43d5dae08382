import type { IncomingMessage, ServerResponse } from 'node:http'
import { TooManyRequestsError, UnauthenticatedError } from '../errors.ts'

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

/** Tells in words whom the gate did not let in why. @returns false for an error that is none of the gate's */
export function notAdmitted(response: ServerResponse, error: unknown): boolean {
  if (error instanceof UnauthenticatedError) {
    response.setHeader('www-authenticate', 'Bearer')
    text(response, 401, error.message)
    return true
  }
  if (!(error instanceof TooManyRequestsError)) return false
  setRetryAfter(response, error)
  text(response, 429, error.message)
  return true
}

export function setRetryAfter(response: ServerResponse, { retryAfterMs }: TooManyRequestsError): void {
  response.setHeader('retry-after', Math.ceil(retryAfterMs / 1000))
}
