import type { FetchAPI, Plugin } from 'graphql-yoga'
import { requestError, withoutHints } from './client-error.ts'

const JSON_TYPES = ['application/graphql-response+json', 'application/json']
const STREAM = 'text/event-stream'
const ANY_ANSWER = notAcceptable('An answer', [...JSON_TYPES, STREAM])
const SUBSCRIPTION = notAcceptable('A subscription', [STREAM])

/**
 * Refuses a request whose answer its client would not accept before anything is done for it. Yoga looks when there is an
 * answer: a mutation has happened by then, and a subscription is open and would stay so.
 */
export function acceptPlugin(): Plugin {
  return {
    onRequestParse({ request, endResponse, fetchAPI }) {
      // Yoga knows the last as well.
      if (!accepts(request, [...JSON_TYPES, STREAM, 'multipart/mixed'])) endResponse(refusal(fetchAPI))
    },
    onSubscribe({ args: { contextValue } }) {
      // Over WebSocket there is none.
      const request = contextValue.request as Request | undefined
      if (request !== undefined && !accepts(request, [STREAM])) throw SUBSCRIPTION()
    },
    // An error may still find no way that its client accepts; the refusal of a subscription is one.
    onResultProcess({ result, resultProcessor, setResultProcessor }) {
      if (resultProcessor !== undefined) return
      const errors = 'errors' in result ? result.errors : undefined
      const refused = errors?.find(({ extensions }) => extensions.http?.status === 406)
      setResultProcessor((_result, fetchAPI) => refusal(fetchAPI, refused), 'application/json')
    },
  }
}

function notAcceptable(what: string, types: readonly string[]) {
  const message = `${what} comes as ${types.join(' or ')}: the header Accept must allow it.`
  return () => requestError(message, 406)
}

function refusal({ Response }: FetchAPI, error = ANY_ANSWER()): Response {
  return new Response(JSON.stringify({ errors: [withoutHints(error)] }), {
    status: 406,
    headers: { 'content-type': 'application/json; charset=utf-8' },
  })
}

/** Whether the header Accept allows any of the media types, in UTF-8. */
function accepts(request: Request, types: readonly string[]): boolean {
  const header = request.headers.get('accept') || '*/*'
  return header
    .toLowerCase()
    .split(',')
    .some((range) => {
      const [type, ...parameters] = range.split(';').map((part) => part.replace(/\s/g, ''))
      if (parameters.some((it) => /^q=0(\.0*)?$/.test(it) || /^charset=(?!utf-8$)/.test(it))) return false
      return types.some((it) => type === it || type === '*/*' || type === `${it.split('/')[0]}/*`)
    })
}
