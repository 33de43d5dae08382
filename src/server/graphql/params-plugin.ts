import { type DocumentNode, Kind } from 'graphql'
import type { GraphQLParams, Plugin } from 'graphql-yoga'
import { apiError } from '../../schema/builder/input-error.ts'
import { type LargeBodies, readText } from '../body.ts'
import { answered } from './answered.ts'
import { requestError } from './client-error.ts'
import type { ServerContext } from './server-context.ts'

/** From the content type of a POST to what its body says. Requests with files are for the plugin of uploads. */
const PARSERS: Readonly<Record<string, (text: string) => GraphQLParams>> = {
  'application/json': fromJson,
  'application/graphql+json': fromJson,
  'application/graphql': (query) => ({ query }),
  'application/x-www-form-urlencoded': fromSearchParams,
}

/**
 * Reads an operation out of a GET or a POST. Yoga's own parsers read no compressed body, take JSON that is none in a URL or a
 * form for an error of the server, and answer an unknown content type with nothing.
 *
 * @param maxBytes  of a body's content
 */
export function paramsPlugin(maxBytes: number, largeBodies: LargeBodies): Plugin<object, ServerContext> {
  return {
    onRequestParse({ request, serverContext, setRequestParser }) {
      const { req } = serverContext
      if (request.method === 'GET') {
        setRequestParser(() => fromSearchParams(/\?(.*)/s.exec(req.url ?? '')?.[1] ?? ''))
      }
      if (request.method !== 'POST') return
      const type = mediaType(req.headers['content-type'])
      if (!Object.hasOwn(PARSERS, type)) {
        const types = ['multipart/form-data', ...Object.keys(PARSERS)].join(', ')
        throw requestError(
          `The content type "${type.slice(0, 100)}" is not read. Send one of ${types}.`,
          415,
          {
            'accept-post': types,
          },
        )
      }
      const charset =
        /;\s*charset\s*=\s*["']?([^"';,\s]*)/i.exec(req.headers['content-type']!)?.[1] ?? 'utf-8'
      if (/^(utf-?(16|32)|ucs)/i.test(charset)) {
        throw requestError(`The charset "${charset.slice(0, 50)}" is not read. Send UTF-8.`, 415)
      }
      const admit = (bytes: number) => largeBodies.admit(bytes, answered(request))
      setRequestParser(async () => PARSERS[type](await readText(req, maxBytes, admit)))
    },
  }
}

/**
 * What can be wrong with an operation however it was sent, and yoga and graphql-ws let pass, or answer in words that clients
 * do not know or that differ.
 */
export function operationPlugin(): Plugin<{ params?: GraphQLParams }> {
  return {
    onParams({ params: { query, operationName, extensions } }) {
      if (operationName != null && typeof operationName !== 'string') {
        throw requestError('operationName must be a string.')
      }
      if (query == null || query === '') {
        throw extensions?.persistedQuery == null ? noQuery() : persistedQueryNotSupported()
      }
    },
    onParse({ params: { source } }) {
      if (source === '') throw noQuery()
      return ({ result, context }) => {
        if (result === null || result instanceof Error) return
        const problem = choiceProblem(result as DocumentNode, context.params?.operationName ?? null)
        if (problem !== null) throw requestError(problem)
      }
    },
  }
}

function noQuery() {
  return requestError('The request has no "query".')
}

/** Of so many operations a refusal gives the names. */
const MOST_NAMED = 10

/** Why no operation of a document is the one to be executed; null where one is. */
function choiceProblem({ definitions }: DocumentNode, asked: string | null): string | null {
  const operations = definitions.filter((it) => it.kind === Kind.OPERATION_DEFINITION)
  if (operations.length === 0) {
    return 'The document has no operation: write one into it, such as { __typename }.'
  }
  if (asked === null ? operations.length === 1 : operations.some(({ name }) => name?.value === asked))
    return null
  const names = operations.map(({ name }) => (name === undefined ? 'one without a name' : `"${name.value}"`))
  const listed = `${names.slice(0, MOST_NAMED).join(', ')}${names.length > MOST_NAMED ? ' and others' : ''}`
  return asked === null
    ? `The document has ${operations.length} operations. Say with operationName which is meant: ${listed}.`
    : `The document has no operation "${asked.slice(0, 100)}". It has ${listed}.`
}

/** Clients of Apollo's protocol know the message and send the query instead of its hash from then on. */
function persistedQueryNotSupported() {
  const error = apiError('PERSISTED_QUERY_NOT_SUPPORTED', 'PersistedQueryNotSupported')
  error.extensions.http = { status: 200, headers: { 'cache-control': 'private, no-cache, must-revalidate' } }
  return error
}

function mediaType(header: string | undefined): string {
  // Some clients send a list.
  return (header ?? '').split(/[;,]/)[0].trim().toLowerCase()
}

function fromJson(text: string): GraphQLParams {
  const params = parseJson('The body', text)
  if (typeof params === 'object' && params !== null) return params
  throw requestError('The body is not a JSON object.')
}

function fromSearchParams(text: string): GraphQLParams {
  const given = new URLSearchParams(text)
  const parameter = (name: string) => {
    const [value, another] = given.getAll(name)
    if (another !== undefined) throw requestError(`The parameter "${name}" is there more than once.`)
    return value || undefined
  }
  const jsonOf = (name: string) => {
    const value = parameter(name)
    return value === undefined ? undefined : parseJson(`The parameter "${name}"`, value)
  }
  return {
    query: parameter('query'),
    operationName: parameter('operationName'),
    variables: jsonOf('variables') as GraphQLParams['variables'],
    extensions: jsonOf('extensions') as GraphQLParams['extensions'],
  }
}

function parseJson(what: string, text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw requestError(`${what} is not JSON: ${(error as Error).message}.`)
  }
}
