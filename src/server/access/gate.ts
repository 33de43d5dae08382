import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AccessService } from '../../access/service.ts'
import { LOCAL_VIEWER, type Viewer } from '../../access/viewer.ts'
import { UnauthenticatedError } from '../../errors.ts'
import type { OriginPolicy } from '../origin.ts'
import { sessionOf } from './cookie.ts'

/** Works out who asks, once for each request or connection. */
export interface Gate {
  /**
   * The response, also one that is half sent, ends when the viewer's token is revoked or expires.
   * @throws UnauthenticatedError
   */
  admit(request: IncomingMessage, response: ServerResponse): Viewer
  /**
   * The same for a WebSocket: by the params of its ConnectionInit, else as its request.
   * @param onOver  when the token is revoked or has expired. @returns forgets it
   */
  connect(request: IncomingMessage, params: unknown, onOver: () => void): () => void
  /** Who was let in with the request. */
  viewerOf(request: IncomingMessage): Viewer
}

/** Without authentication. */
export const OPEN_GATE: Gate = {
  admit: () => LOCAL_VIEWER,
  connect: () => () => {},
  viewerOf: () => LOCAL_VIEWER,
}

export function createGate(access: AccessService, policy: Pick<OriginPolicy, 'isOwnOrigin'>): Gate {
  if (access.auth === 'none') return OPEN_GATE
  const viewers = new WeakMap<IncomingMessage, Viewer>()

  function identify(request: IncomingMessage, authorization: string | undefined): Viewer {
    const token = bearerIn(authorization)
    // A cookie comes along by itself, so it counts for the server's own pages alone.
    const session = token === null && policy.isOwnOrigin(request) ? sessionOf(request) : null
    const viewer = session === null ? access.viewerOf(token, 'TOKEN') : access.viewerOf(session, 'SESSION')
    viewers.set(request, viewer)
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
    connect(request, params, onOver) {
      const viewer = identify(request, authorizationIn(params) ?? request.headers.authorization)
      return access.whenOver(viewer, onOver)
    },
    viewerOf(request) {
      const viewer = viewers.get(request)
      if (viewer === undefined) throw new UnauthenticatedError('Nobody was let in with this request.')
      return viewer
    },
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
