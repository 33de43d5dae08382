import { randomBytes } from 'node:crypto'
import type { IncomingMessage } from 'node:http'

/** In requests and answers. */
export const REQUEST_ID = 'x-request-id'

/** What may stand in a line of a log as it is. */
const TAKEN = /^[\w.-]{1,128}$/

/** The process's own, so that no two have the same ids; a counter does the rest, and costs nothing worth naming. */
const PREFIX = randomBytes(5).toString('hex')
let count = 0

const ids = new WeakMap<IncomingMessage, string>()

/**
 * What a request is called in the log, the audit log and its answer: always the same from the first time that it is asked for.
 * @param takesGiven  whether the word of who sent it is taken for it: anybody could give their request the id of another's
 */
export function requestIdOf(request: IncomingMessage, takesGiven = false): string {
  let id = ids.get(request)
  if (id === undefined) {
    const given = takesGiven ? request.headers[REQUEST_ID] : undefined
    id = typeof given === 'string' && TAKEN.test(given) ? given : `${PREFIX}-${(count++).toString(36)}`
    ids.set(request, id)
  }
  return id
}
