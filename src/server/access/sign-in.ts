import type { IncomingMessage, ServerResponse } from 'node:http'
import { GraphQLError } from 'graphql'
import { prefixOf } from '../../access/secret.ts'
import type { AccessService, MadeToken } from '../../access/service.ts'
import { type AuditLog, type Origin, signedIn } from '../../audit/log.ts'
import { TooManyRequestsError, UnauthenticatedError } from '../../errors.ts'
import { type Handler, json, setRetryAfter } from '../answers.ts'
import { readText } from '../body.ts'
import { requestError } from '../graphql/client-error.ts'
import type { OriginPolicy } from '../origin.ts'
import { cameOverTls, setSession } from './cookie.ts'
import type { Gate } from './gate.ts'

const MAX_BODY_BYTES = 4096

export interface SignIn {
  /** POST `{"token": "vgz_..."}`: answers with the cookie of a session, or 400, 401, or 429 where too many were wrong. */
  signIn: Handler
  /** POST: ends the session of the cookie. */
  signOut: Handler
}

/** What a browser does that forms and links of other pages cannot make it do: they are of another origin, or send no JSON. */
export function createSignIn({
  access,
  audit,
  gate,
  policy,
  originOf,
}: {
  access: AccessService
  audit: AuditLog
  gate: Gate
  policy: Pick<OriginPolicy, 'isOwnOrigin'>
  originOf(request: IncomingMessage): Origin
}): SignIn {
  const guarded =
    (work: (request: IncomingMessage, response: ServerResponse) => Promise<void>): Handler =>
    (request, response) => {
      if (access.auth === 'none')
        return json(response, 404, { message: 'This server has no authentication.' })
      const isJson = /^application\/json\b/i.test(request.headers['content-type'] ?? '')
      if (!isJson || !policy.isOwnOrigin(request)) {
        return json(response, 403, { message: 'Only pages of this server may do this, and they send JSON.' })
      }
      work(request, response).catch((error: unknown) => fail(response, error))
    }

  async function opened(request: IncomingMessage, secret: string): Promise<MadeToken> {
    const origin = originOf(request)
    try {
      gate.bearerOf(request, secret)
      const made = await access.sessions.open(secret)
      await audit.record(signedIn(made.token, origin))
      return made
    } catch (error) {
      if (error instanceof UnauthenticatedError) {
        const prefix = prefixOf(secret)
        const detail = prefix === null ? null : { prefix }
        await audit.recordFailedSignIn({ origin, error: 'UNAUTHENTICATED', detail })
      }
      throw error
    }
  }

  return {
    signIn: guarded(async (request, response) => {
      const token = tokenIn(await readText(request, MAX_BODY_BYTES))
      const { secret, token: session } = await opened(request, token)
      const cookie = setSession({ secret, expiresAt: session.expiresAt! }, cameOverTls(request))
      response.setHeader('set-cookie', cookie)
      json(response, 200, { name: session.name, role: session.role })
    }),
    signOut: guarded(async (request, response) => {
      const viewer = gate.admit(request, response)
      await access.sessions.end(viewer)
      await audit.record({ action: 'signOut', viewer, origin: originOf(request), outcome: 'DONE' })
      response.setHeader('set-cookie', setSession(null, cameOverTls(request)))
      json(response, 200, {})
    }),
  }
}

/** @throws GraphQLError for what has none */
function tokenIn(text: string): string {
  try {
    const { token } = JSON.parse(text)
    if (typeof token === 'string') return token.trim()
  } catch {}
  throw requestError('Send {"token": "vgz_..."} as JSON.')
}

function fail(response: ServerResponse, error: unknown): void {
  if (error instanceof UnauthenticatedError) json(response, 401, { message: error.message })
  else if (error instanceof TooManyRequestsError) {
    setRetryAfter(response, error)
    json(response, 429, { message: error.message })
  } else if (error instanceof GraphQLError) json(response, 400, { message: error.message })
  else json(response, 503, { message: 'Signing in does not work now: the database does not answer.' })
}
