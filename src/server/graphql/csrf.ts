import type { Plugin } from 'graphql-yoga'
import { apiError } from '../../schema/builder/input-error.ts'

/** The header that a request must carry when its content type alone would let a foreign page send it. */
export const CSRF_HEADER = 'x-graphql-yoga-csrf'
/** Names that other clients (Apollo) send for the same purpose. */
const HEADERS = [CSRF_HEADER, 'graphql-require-preflight', 'apollo-require-preflight']

/** Content types that a browser sends across origins without asking the server first (fetch.spec.whatwg.org). */
const WITHOUT_PREFLIGHT = ['application/x-www-form-urlencoded', 'multipart/form-data', 'text/plain']

/**
 * Refuses such requests unless they carry the header. A body without a content type counts as one of them.
 * GET stays free: it can only read, and CORS keeps the answer from foreign pages; so an EventSource and a plain
 * curl need no header. Yoga's own plugin asks for the header there as well.
 */
export function csrfPlugin(): Plugin {
  return {
    onRequestParse({ request }) {
      if (request.method !== 'POST') return
      const type = request.headers.get('content-type')?.toLowerCase() ?? 'text/plain'
      if (!WITHOUT_PREFLIGHT.some((simple) => type.startsWith(simple))) return
      if (HEADERS.some((name) => request.headers.has(name))) return
      throw apiError('FORBIDDEN', `A request with this content type must carry the header ${CSRF_HEADER}: 1.`)
    },
  }
}
