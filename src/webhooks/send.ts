import { request as requestInClear } from 'node:http'
import { request as requestOverTls } from 'node:https'
import type { Destinations } from './destination.ts'
import { signedHeaders } from './signature.ts'

export interface Message {
  url: string
  secret: string
  /** Of the event. */
  id: string
  /** When it is sent. */
  at: Date
  body: string
}

/** What a receiver said. `error`: why it is not delivered, for people; null when it is. */
export interface Answer {
  status: number | null
  error: string | null
}

/** @param leaving  ends it. Never rejects. */
export type Send = (message: Message, leaving: AbortSignal) => Promise<Answer>

const TIMEOUT_MS = 10_000

/** Posts a message. Of the answer the status counts; its body is not read, and nothing is followed. */
export function createSend(
  { lookup, problem }: Destinations,
  { userAgent, timeoutMs = TIMEOUT_MS }: { userAgent: string; timeoutMs?: number },
): Send {
  const post = ({ url: text, secret, id, at, body }: Message, leaving: AbortSignal) =>
    new Promise<number>((resolve, reject) => {
      const url = new URL(text)
      // What is allowed may be less since the webhook was made.
      const forbidden = problem(url)
      if (forbidden !== null) return reject(new Error(forbidden))
      const request = (url.protocol === 'https:' ? requestOverTls : requestInClear)(url, {
        method: 'POST',
        // A connection of its own: one that is kept was judged long ago.
        agent: false,
        lookup,
        signal: leaving,
        headers: {
          'content-type': 'application/json',
          'content-length': Buffer.byteLength(body),
          'user-agent': userAgent,
          ...signedHeaders(secret, { id, at, body }),
        },
      })
      const tooLate = setTimeout(() => {
        request.destroy(new Error(`There was no answer within ${timeoutMs / 1000} s.`))
      }, timeoutMs).unref()
      request.on('response', (response) => {
        resolve(response.statusCode!)
        response.on('error', () => {})
        response.destroy()
      })
      request.on('error', reject)
      request.on('close', () => clearTimeout(tooLate))
      request.end(body)
    })

  return async (message, leaving) => {
    try {
      const status = await post(message, leaving)
      return { status, error: status >= 200 && status < 300 ? null : refusal(status) }
    } catch (error) {
      return { status: null, error: reasonOf(error) }
    }
  }
}

function refusal(status: number): string {
  const why = status >= 300 && status < 400 ? '; redirects are not followed' : ''
  return `The receiver answered ${status}${why}.`
}

const MAX_CHARACTERS = 500

function reasonOf(error: unknown): string {
  // Of several addresses each has an error of its own.
  const first = error instanceof AggregateError ? error.errors[0] : error
  const text = first instanceof Error ? first.message : String(first)
  return text.replaceAll('\0', '').slice(0, MAX_CHARACTERS)
}
