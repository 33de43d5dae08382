import type { IncomingMessage, ServerResponse } from 'node:http'
import { UnauthenticatedError } from '../errors.ts'
import { packageVersion } from '../package-version.ts'
import type { Gate } from './access/gate.ts'
import type { OpenIdSignIn } from './access/openid/sign-in.ts'
import type { SignIn } from './access/sign-in.ts'
import {
  ASSETS_PATH,
  BACKUP_PATH,
  CHECK_PATH,
  DOWNLOADS_PATH,
  GRAPHQL_PATH,
  HEALTH_PATH,
  LIVE_PATH,
  METRICS_PATH,
  OPENID_CALLBACK_PATH,
  OPENID_PATH,
  PAGES,
  READY_PATH,
  SIGN_IN_METHODS_PATH,
  SIGN_IN_PATH,
  SIGN_OUT_PATH,
} from './addresses.ts'
import { type Handler, json, notAdmitted, text } from './answers.ts'
import type { GraphQLHandler } from './graphql/graphql.ts'
import { isMultipart } from './graphql/uploads-plugin.ts'

export interface Handlers {
  gate: Gate
  handler: GraphQLHandler
  /** For requests with files. */
  uploadHandler: GraphQLHandler
  downloads(request: IncomingMessage, response: ServerResponse): Promise<void>
  signIn: SignIn
  /** Left out where people sign in with tokens alone. */
  openId?: OpenIdSignIn | undefined
  /** For operators; left out where there is nothing to back up. */
  maintenance?: { backup: Handler; check: Handler }
  /** The dashboard. */
  pages: Handler
  readiness(): Promise<Readiness>
  /** In Prometheus' text format; null where the server keeps none. */
  metrics: { text(): Promise<string>; readonly contentType: string } | null
}

/** What the server needs for its work, by name: null where it is well, else a sentence that says what is wrong. */
export type Readiness = Readonly<Record<string, string | null>>

/** What answers at a path, the query left out. */
export function routesOf(handlers: Handlers): (path: string) => Handler {
  const routes = routeTable(handlers)
  const folders = Object.keys(routes).filter((path) => path.endsWith('/') && path !== '/')
  return (path) => {
    const route = folders.find((folder) => path.startsWith(folder)) ?? path
    return Object.hasOwn(routes, route) ? routes[route]! : nothingHere
  }
}

/** By path; one that ends with / stands for all that begin with it, but for the root. */
export function routeTable({
  gate,
  handler,
  uploadHandler,
  downloads,
  signIn: { signIn, signOut },
  openId,
  maintenance,
  pages,
  readiness,
  metrics,
}: Handlers): Readonly<Record<string, Handler>> {
  const ready = reading(async (response) => {
    const needs = await readiness()
    const isReady = Object.values(needs).every((problem) => problem === null)
    const told = Object.fromEntries(Object.entries(needs).map(([name, problem]) => [name, problem ?? 'ok']))
    const status = isReady ? 'ok' : 'not ready'
    json(response, isReady ? 200 : 503, { status, version: packageVersion, ...told })
  })
  return {
    [GRAPHQL_PATH](request, response) {
      if (wantsPage(request) && !isAdmitted(gate, request, response, toSignIn)) return
      const hasFiles = isMultipart(request.method, request.headers['content-type'])
      void (hasFiles ? uploadHandler : handler)(request, response)
    },
    [DOWNLOADS_PATH]: (request, response) => void downloads(request, response),
    [BACKUP_PATH]: maintenance?.backup ?? nothingHere,
    [CHECK_PATH]: maintenance?.check ?? nothingHere,
    [LIVE_PATH]: reading((response) => json(response, 200, { status: 'ok' })),
    [HEALTH_PATH]: ready,
    [READY_PATH]: ready,
    [METRICS_PATH]: reading(async (response, request) => {
      // Names of models and what is asked are not for everyone.
      if (!isAdmitted(gate, request, response)) return
      if (metrics === null) return text(response, 404, 'The server keeps no metrics: METRICS is false.')
      const body = await metrics.text()
      response.writeHead(200, { 'content-type': metrics.contentType, 'cache-control': 'no-store' }).end(body)
    }),
    [SIGN_IN_PATH]: (request, response) => (request.method === 'POST' ? signIn : pages)(request, response),
    [SIGN_IN_METHODS_PATH]: reading((response) => json(response, 200, { openId: openId?.offer ?? null })),
    [OPENID_PATH]: openId === undefined ? nothingHere : getting(openId.begin),
    [OPENID_CALLBACK_PATH]: openId === undefined ? nothingHere : getting(openId.end),
    [SIGN_OUT_PATH]: (request, response) =>
      (request.method === 'POST' ? signOut : nothingHere)(request, response),
    [ASSETS_PATH]: pages,
    '/': pages,
    ...Object.fromEntries(PAGES.flatMap((page) => [`/${page}`, `/${page}/`]).map((path) => [path, pages])),
  }
}

/** Of a browser: the playground. */
function wantsPage({ method, headers }: IncomingMessage): boolean {
  return method === 'GET' && headers.accept?.includes('text/html') === true
}

/** Whoever is not has been answered, by `unknown` where nobody knows who it is. */
function isAdmitted(
  gate: Gate,
  request: IncomingMessage,
  response: ServerResponse,
  unknown?: Handler,
): boolean {
  try {
    gate.admit(request, response)
    return true
  } catch (error) {
    if (unknown !== undefined && error instanceof UnauthenticatedError) unknown(request, response)
    else if (!notAdmitted(response, error)) throw error
    return false
  }
}

function toSignIn(request: IncomingMessage, response: ServerResponse): void {
  const location = `${SIGN_IN_PATH}?${new URLSearchParams({ to: request.url! })}`
  response.writeHead(303, { location, 'cache-control': 'no-store' }).end()
}

const nothingHere: Handler = (_request, response) =>
  text(
    response,
    404,
    `There is nothing here. The dashboard is at /, the API and its playground are at ${GRAPHQL_PATH}.`,
  )

/** What looks ahead, by HEAD, signs nobody in. */
function getting(handler: Handler): Handler {
  return (request, response) => {
    if (request.method === 'GET') return handler(request, response)
    response.setHeader('allow', 'GET')
    text(response, 405, 'Only GET.')
  }
}

function reading(
  answer: (response: ServerResponse, request: IncomingMessage) => void | Promise<void>,
): Handler {
  return (request, response) => {
    const { method } = request
    if (method === 'GET' || method === 'HEAD') return void answer(response, request)
    response.setHeader('allow', 'GET, HEAD')
    text(response, 405, 'Only GET and HEAD.')
  }
}
