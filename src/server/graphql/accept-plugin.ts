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
      // Yoga knows the last as well. Without a preference an answer is what every client reads.
      const acceptable = inOrder(request, [...JSON_TYPES.toReversed(), STREAM, 'multipart/mixed'])
      if (acceptable.length === 0) return endResponse(refusal(fetchAPI))
      // Yoga itself goes by their order alone, and takes q=0 for a welcome.
      request.headers.set('accept', acceptable.join(', '))
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
  return types.some((type) => qualityOf(type, rangesOf(request)) > 0)
}

/** A part of the header Accept: what it allows, and how gladly, from 0 to 1. */
interface Range {
  type: string
  quality: number
}

function rangesOf(request: Request): Range[] {
  const header = request.headers.get('accept') || '*/*'
  return header
    .toLowerCase()
    .split(',')
    .map((range) => {
      const [type, ...parameters] = range.split(';').map((part) => part.replace(/\s/g, ''))
      const isOtherText = parameters.some((it) => /^charset=(?!"?utf-?8"?$)/.test(it))
      const quality = Number(parameters.find((it) => it.startsWith('q='))?.slice(2) ?? 1)
      return { type: type!, quality: isOtherText ? 0 : quality }
    })
}

/** By the range that says most of the type: itself, then its half, then anything (RFC 9110, 12.5.1). */
function qualityOf(type: string, ranges: readonly Range[]): number {
  const names = [type, `${type.split('/')[0]}/*`, '*/*']
  const found = names
    .map((name) => ranges.filter((range) => range.type === name))
    .find(({ length }) => length > 0)
  return Math.max(0, ...(found ?? []).map(({ quality }) => quality))
}

/** Those of the media types that the header allows, the most welcome first, and among equals the first named. */
function inOrder(request: Request, types: readonly string[]): string[] {
  const ranges = rangesOf(request)
  const place = (type: string) => {
    const index = ranges.findIndex((range) => range.type === type)
    return index < 0 ? ranges.length : index
  }
  return types
    .filter((type) => qualityOf(type, ranges) > 0)
    .sort((one, other) => qualityOf(other, ranges) - qualityOf(one, ranges) || place(one) - place(other))
}
