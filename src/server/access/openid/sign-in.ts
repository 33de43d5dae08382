import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Logger } from 'pino'
import { type Person, personOf, valuesOf } from '../../../access/openid/person.ts'
import {
  createOpenIdProvider,
  OpenIdError,
  type OpenIdFailure,
  type Question,
} from '../../../access/openid/provider.ts'
import { hostOf, type OpenIdSettings } from '../../../access/openid/settings.ts'
import type { AccessService } from '../../../access/service.ts'
import { type AuditLog, type Origin, signedIn } from '../../../audit/log.ts'
import { OPENID_CALLBACK_PATH, OPENID_PATH, SIGN_IN_PATH } from '../../addresses.ts'
import type { Handler } from '../../answers.ts'
import { attemptIn, setAttempt, setSession } from '../cookie.ts'
import { createAttempts } from './attempts.ts'
import { leadOn } from './pages.ts'

export interface OpenIdSignIn {
  /** For the page where one signs in: what the provider is called, and the address that leads there. */
  offer: { host: string; url: string }
  /** GET `?to=PATH`: leads to the provider. */
  begin: Handler
  /** GET: where the provider leads back to. Answers with the cookie of a session. */
  end: Handler
}

/** What SIGN_IN_PATH is told in `?problem=`, and has the words for. */
type Problem = OpenIdFailure | 'no-role'

/** A cookie holds 4096 bytes, and what is kept in it is written with % where it is no letter. */
const MOST_CHARACTERS = 1000

export function createOpenIdSignIn({
  settings,
  access,
  audit,
  originOf,
  logger,
}: {
  settings: OpenIdSettings
  access: Pick<AccessService, 'sessions'>
  audit: Pick<AuditLog, 'record' | 'recordFailedSignIn'>
  originOf(request: IncomingMessage): Origin
  logger: Pick<Logger, 'info' | 'warn'>
}): OpenIdSignIn {
  const own = new URL(settings.publicUrl)
  const secure = own.protocol === 'https:'
  const provider = createOpenIdProvider(settings, new URL(OPENID_CALLBACK_PATH, own), logger)
  const attempts = createAttempts()

  /** The path of a page of this server and nothing else: an address may have been made up by anybody. */
  function ownPath(to: string | null): string {
    if (to === null || !URL.canParse(to, own)) return '/'
    const { origin, pathname, search } = new URL(to, own)
    const path = `${pathname}${search}`
    // Of /.//evil.example is left what names another host.
    const isOwn = origin === own.origin && !path.startsWith('//')
    return isOwn && path.length <= MOST_CHARACTERS ? path : '/'
  }

  async function begin(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const attempt = attempts.begin(ownPath(paramsOf(request).get('to')))
    try {
      const page = await provider.pageFor(attempt)
      response.setHeader('set-cookie', setAttempt(attempt.kept, secure))
      redirect(response, page.href)
    } catch (error) {
      refuse(response, failureOf(error), attempt.to)
    }
  }

  async function end(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const attempt = attempts.resume(attemptIn(request))
    const answer = paramsOf(request)
    const over = setAttempt(null, secure)
    response.setHeader('set-cookie', over)
    if (attempt === null) return refuse(response, 'late', '/')
    try {
      const person = await personIn(answer, attempt)
      if (person === null) {
        await audit.recordFailedSignIn({ origin: originOf(request), error: 'FORBIDDEN' })
        return refuse(response, 'no-role', attempt.to)
      }
      const { secret, token } = await access.sessions.openFor(person)
      await audit.record(signedIn(token, originOf(request)))
      response.setHeader('set-cookie', [over, setSession({ secret, expiresAt: token.expiresAt! }, secure)])
      leadOn(response, new URL(attempt.to, own))
    } catch (error) {
      refuse(response, failureOf(error), attempt.to)
    }
  }

  async function personIn(answer: URLSearchParams, question: Question): Promise<Person | null> {
    const claims = await provider.claimsOf(answer, question)
    const person = personOf(claims, settings)
    if (person === null) {
      const has = valuesOf(claims[settings.rolesClaim]).slice(0, 50)
      logger.info(
        { sub: claims.sub, claim: settings.rolesClaim, has },
        'who signed in has no role by OIDC_ROLES',
      )
    }
    return person
  }

  function failureOf(error: unknown): OpenIdFailure {
    const failure = error instanceof OpenIdError ? error.failure : 'failed'
    const { message } = error as Error
    if (failure === 'failed' || failure === 'unreachable') {
      logger.warn({ reason: message }, 'somebody could not sign in with OpenID Connect')
    }
    return failure
  }

  return {
    offer: { host: hostOf(settings), url: new URL(OPENID_PATH, own).href },
    begin: (request, response) => void begin(request, response),
    end: (request, response) => void end(request, response),
  }
}

function paramsOf({ url }: IncomingMessage): URLSearchParams {
  return new URL(url!, 'http://localhost').searchParams
}

function refuse(response: ServerResponse, problem: Problem, to: string): void {
  redirect(response, `${SIGN_IN_PATH}?${new URLSearchParams({ problem, to })}`)
}

function redirect(response: ServerResponse, location: string): void {
  response.writeHead(303, { location, 'cache-control': 'no-store' }).end()
}
