import { type GraphQLErrorLike, OperationError, TransportError } from './errors.ts'
import { multipartOf, type OnProgress, upload } from './upload.ts'

export type Headers = Readonly<Record<string, string>>

export interface HttpOptions {
  /** Where GraphQL is. */
  endpoint: string
  fetch: typeof globalThis.fetch
  headers(): Headers | Promise<Headers>
}

export interface HttpRequest {
  query: string
  variables: Readonly<Record<string, unknown>>
  signal?: AbortSignal
  /** Hears how far the files in the variables are. */
  onProgress?: OnProgress
}

export type Send = (request: HttpRequest) => Promise<Record<string, unknown>>

/**
 * One request, one answer: its data. Files, as Blob or File in the variables, go as a multipart request.
 * Throws a TransportError, an OperationError, or the reason of the signal.
 */
export function createSender({ endpoint, fetch, headers }: HttpOptions): Send {
  const request = async ({ query, variables, signal, onProgress }: HttpRequest): Promise<Response> => {
    const own = { accept: 'application/graphql-response+json, application/json', ...(await headers()) }
    const body = multipartOf(query, variables)
    if (body === null) {
      return fetch(endpoint, {
        method: 'POST',
        headers: { ...own, 'content-type': 'application/json' },
        body: JSON.stringify({ query, variables }),
        signal,
      })
    }
    // Shows the server that no foreign page sends it.
    const marked = { ...own, 'x-graphql-yoga-csrf': '1' }
    if (onProgress === undefined) {
      return fetch(endpoint, { method: 'POST', headers: marked, body: body.form, signal })
    }
    return upload(fetch, { url: endpoint, headers: marked, body, onProgress, signal })
  }

  return async (operation) => {
    let response: Response
    let text: string
    try {
      response = await request(operation)
      text = await response.text()
    } catch (error) {
      if (operation.signal?.aborted) throw operation.signal.reason
      throw new TransportError(
        'UNREACHABLE',
        `No answer from ${endpoint}: ${reasonOf(error)}. Is vggzoo running there, and is the address right?`,
        { cause: error },
      )
    }
    const { data = null, errors } = answerOf(text) ?? notGraphQL(endpoint, response)
    if (errors !== undefined) throw new OperationError(errors, data)
    if (data === null) return notGraphQL(endpoint, response)
    return data
  }
}

interface Answer {
  data?: Record<string, unknown> | null
  errors?: GraphQLErrorLike[]
}

function answerOf(text: string): Answer | null {
  try {
    const answer = JSON.parse(text)
    return typeof answer === 'object' && answer !== null && ('data' in answer || 'errors' in answer)
      ? answer
      : null
  } catch {
    return null
  }
}

function notGraphQL(endpoint: string, response: Response): never {
  if (response.status >= 502 && response.status <= 504) {
    // A proxy whose server is away.
    throw new TransportError(
      'UNREACHABLE',
      `${endpoint} answered ${response.status}. Is vggzoo running behind it?`,
    )
  }
  const type = response.headers.get('content-type') ?? 'no content type'
  throw new TransportError(
    'NOT_GRAPHQL',
    `${endpoint} answered ${response.status} with ${type}, which is no answer of GraphQL. Is it the address of a vggzoo?`,
  )
}

/** undici says no more than "fetch failed"; what failed is its cause, and of several tries the first. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const { cause } = error
  if (cause instanceof AggregateError && cause.errors.length > 0) return reasonOf(cause.errors[0])
  if (cause instanceof Error && cause.message !== '') return cause.message
  return error.message
}
