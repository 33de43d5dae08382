import { OperationError, TransportError } from './errors.ts'
import type { HttpRequest, Send } from './http.ts'
import { pauseBefore, wait } from './wait.ts'

/**
 * Sends a request until it is answered: again, the very same, when too much is waiting at the server or was asked of
 * it, and when no answer comes.
 * @param twice  whether it may be sent again though it may have been done already
 */
export async function sendUntilAnswered(
  send: Send,
  request: HttpRequest,
  twice: boolean,
): Promise<Record<string, unknown>> {
  for (let failures = 0; ; ) {
    try {
      const data = await send(request)
      const pauseMs = overloadedFor(data)
      if (pauseMs === null) return data
      await wait(pauseMs, request.signal)
      failures = 0
    } catch (error) {
      const pauseMs = refusedFor(error)
      if (pauseMs !== null) {
        await wait(pauseMs, request.signal)
        failures = 0
        continue
      }
      if (!(twice && error instanceof TransportError && error.code === 'UNREACHABLE')) throw error
      await wait(pauseBefore(failures++), request.signal)
    }
  }
}

/** Of an answer that is an OverloadedError: milliseconds until it can be tried again; null of any other. */
function overloadedFor(data: Record<string, unknown>): number | null {
  for (const value of Object.values(data)) {
    const { __typename, retryAfterMs } = (value ?? {}) as { __typename?: string; retryAfterMs?: number }
    if (__typename === 'OverloadedError') return retryAfterMs ?? 1000
  }
  return null
}

/** Of a refusal of whoever asked too much: milliseconds until it is answered; null of any other error. */
export function refusedFor(error: unknown): number | null {
  if (!(error instanceof OperationError && error.code === 'TOO_MANY_REQUESTS')) return null
  const { retryAfterMs } = error.errors[0]!.extensions!
  return typeof retryAfterMs === 'number' ? retryAfterMs : 1000
}
