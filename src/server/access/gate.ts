import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Quota } from '../../access/quotas.ts'
import type { AccessService } from '../../access/service.ts'
import { LOCAL_VIEWER, type Viewer } from '../../access/viewer.ts'
import { UnauthenticatedError } from '../../errors.ts'
import type { OriginPolicy } from '../origin.ts'
import { sessionOf } from './cookie.ts'
import type { Counter } from './counter.ts'

/** Works out who asks, once for each request or connection, and what they may have. */
export interface Gate {
  /**
   * The response, also one that is half sent, ends when the viewer's token is revoked or expires.
   * @throws UnauthenticatedError; TooManyRequestsError where too many wrong tokens came from
   */
  admit(request: IncomingMessage, response: ServerResponse): Viewer
  /**
   * Counts a WebSocket for its address, until it is known whose it is.
   * @throws TooManyRequestsError. @returns forgets it, whoever it counts for by then
   */
  enter(request: IncomingMessage): () => void
  /**
   * As `admit`, for a WebSocket that has entered: by the params of its ConnectionInit, else as its request.
   * @param onOver  when the token is revoked or has expired. @returns forgets it
   */
  connect(request: IncomingMessage, params: unknown, onOver: () => void): () => void
  /** The bearer of a token that came with the request in another way. Throws as `admit` does. */
  bearerOf(request: IncomingMessage, token: string): Viewer
  /** Who was let in with the request. */
  viewerOf(request: IncomingMessage): Viewer
  /** What they may have; undefined for as much as they like. */
  quotaOf(request: IncomingMessage): Quota | undefined
}

/** Without authentication and limits. */
export const OPEN_GATE: Gate = {
  admit: () => LOCAL_VIEWER,
  enter: () => () => {},
  connect: () => () => {},
  bearerOf: () => LOCAL_VIEWER,
  viewerOf: () => LOCAL_VIEWER,
  quotaOf: () => undefined,
}

export function createGate(
  access: AccessService,
  policy: Pick<OriginPolicy, 'isOwnOrigin'>,
  counter: Counter,
): Gate {
  const enter: Gate['enter'] = (request) => counter.ofAddress(request)?.socket() ?? (() => {})
  if (access.auth === 'none') return { ...OPEN_GATE, enter, quotaOf: counter.ofAddress }
  const viewers = new WeakMap<IncomingMessage, Viewer>()
  /** Gives back what a WebSocket takes. */
  const entered = new WeakMap<IncomingMessage, () => void>()

  function identify(request: IncomingMessage, authorization: string | undefined): Viewer {
    const token = bearerIn(authorization)
    // A cookie comes along by itself, so it counts for the server's own pages alone.
    const session = token === null && policy.isOwnOrigin(request) ? sessionOf(request) : null
    const secret = token ?? session
    const find = () => access.viewerOf(secret, session === null ? 'TOKEN' : 'SESSION')
    // Whoever sends nothing guesses nothing.
    const viewer = secret === null ? find() : counter.attempt(request, find)
    viewers.set(request, viewer)
    return viewer
  }

  function viewerOf(request: IncomingMessage): Viewer {
    const viewer = viewers.get(request)
    if (viewer === undefined) throw new UnauthenticatedError('Nobody was let in with this request.')
    return viewer
  }

  return {
    admit(request, response) {
      const known = viewers.get(request)
      if (known !== undefined) return known
      const viewer = identify(request, request.headers.authorization)
      response.once(
        'close',
        access.whenOver(viewer, () => response.destroy()),
      )
      return viewer
    },
    enter(request) {
      entered.set(request, enter(request))
      return () => entered.get(request)?.()
    },
    connect(request, params, onOver) {
      const viewer = identify(request, authorizationIn(params) ?? request.headers.authorization)
      const leave = counter.ofViewer(viewer).socket()
      entered.get(request)?.()
      entered.set(request, leave)
      return access.whenOver(viewer, onOver)
    },
    bearerOf: (request, token) => counter.attempt(request, () => access.viewerOf(token, 'TOKEN')),
    viewerOf,
    quotaOf: (request) => counter.ofViewer(viewerOf(request)),
  }
}

/** The token of a header `Authorization: Bearer TOKEN`; null for none, and for what a proxy asks of its own clients. */
function bearerIn(header: string | undefined): string | null {
  return /^Bearer +(\S+) *$/i.exec(header ?? '')?.[1] ?? null
}

/** What a client that has no headers sends as one: `{ Authorization: 'Bearer TOKEN' }`, in the letters that it likes. */
function authorizationIn(params: unknown): string | undefined {
  const [, value] =
    Object.entries(params ?? {}).find(([name]) => name.toLowerCase() === 'authorization') ?? []
  return typeof value === 'string' ? value : undefined
}
