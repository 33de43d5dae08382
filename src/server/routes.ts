import type { IncomingMessage, ServerResponse } from 'node:http'
import { StorageFullError } from '../errors.ts'
import { ASSETS_PATH, DOWNLOADS_PATH, GRAPHQL_PATH, HEALTH_PATH, PAGES } from './addresses.ts'
import type { GraphQLHandler } from './graphql/graphql.ts'
import { isMultipart } from './graphql/uploads-plugin.ts'

/** Answers a request; what it cannot answer it says itself. */
export type Handler = (request: IncomingMessage, response: ServerResponse) => void

export interface Handlers {
  handler: GraphQLHandler
  /** For requests with files. */
  uploadHandler: GraphQLHandler
  downloads(request: IncomingMessage, response: ServerResponse): Promise<void>
  /** The dashboard. */
  pages: Handler
  /** Rejects when the server can't do its work. */
  health(): Promise<object>
}

/** What answers at a path, the query left out; a path that ends with / stands for all that begin with it, but for the root. */
export function routesOf({
  handler,
  uploadHandler,
  downloads,
  pages,
  health,
}: Handlers): (path: string) => Handler {
  const routes: Readonly<Record<string, Handler>> = {
    [GRAPHQL_PATH](request, response) {
      const hasFiles = isMultipart(request.method, request.headers['content-type'])
      void (hasFiles ? uploadHandler : handler)(request, response)
    },
    [DOWNLOADS_PATH]: (request, response) => void downloads(request, response),
    [HEALTH_PATH]: (_request, response) => void answerHealth(health, response),
    [ASSETS_PATH]: pages,
    '/': pages,
    ...Object.fromEntries(PAGES.flatMap((page) => [`/${page}`, `/${page}/`]).map((path) => [path, pages])),
  }
  const folders = Object.keys(routes).filter((path) => path.endsWith('/') && path !== '/')
  return (path) => {
    const route = folders.find((folder) => path.startsWith(folder)) ?? path
    return Object.hasOwn(routes, route) ? routes[route]! : nothingHere
  }
}

const nothingHere: Handler = (_request, response) =>
  text(
    response,
    404,
    `There is nothing here. The dashboard is at /, the API and its playground are at ${GRAPHQL_PATH}.`,
  )

async function answerHealth(health: Handlers['health'], response: ServerResponse): Promise<void> {
  try {
    json(response, 200, await health())
  } catch (error) {
    if (!(error instanceof StorageFullError)) return text(response, 503, 'The database does not answer.')
    json(response, 503, { status: 'storage full', message: error.message })
  }
}

function json(response: ServerResponse, status: number, body: object): void {
  response
    .writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store' })
    .end(JSON.stringify(body))
}

export function text(response: ServerResponse, status: number, body: string): void {
  response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8' }).end(`${body}\n`)
}
