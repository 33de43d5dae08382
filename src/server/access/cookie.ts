import type { IncomingMessage } from 'node:http'
import { parseCookie, stringifySetCookie } from 'cookie'
import { OPENID_PATH } from '../addresses.ts'
import { ATTEMPT_SECONDS } from './openid/attempts.ts'

const SESSION = 'vggzoo_session'
const ATTEMPT = 'vggzoo_signing_in'

export function sessionOf(request: IncomingMessage): string | null {
  return cookieIn(request, SESSION)
}

/** What is kept while somebody is at a provider's page. */
export function attemptIn(request: IncomingMessage): string | null {
  return cookieIn(request, ATTEMPT)
}

function cookieIn({ headers }: IncomingMessage, name: string): string | null {
  return headers.cookie === undefined ? null : (parseCookie(headers.cookie)[name] ?? null)
}

/**
 * The header Set-Cookie that lets a browser keep a session; one of null takes it away.
 * @param secure  whether the browser is to send it over TLS alone
 */
export function setSession(session: { secret: string; expiresAt: Date } | null, secure: boolean): string {
  return stringifySetCookie({
    name: SESSION,
    value: session?.secret ?? '',
    expires: session?.expiresAt ?? new Date(0),
    path: '/',
    httpOnly: true,
    sameSite: 'strict',
    secure,
  })
}

/** The same of what is kept while somebody is at a provider's page: a way back from there is one between sites. */
export function setAttempt(kept: string | null, secure: boolean): string {
  return stringifySetCookie({
    name: ATTEMPT,
    value: kept ?? '',
    maxAge: kept === null ? 0 : ATTEMPT_SECONDS,
    path: OPENID_PATH,
    httpOnly: true,
    sameSite: 'lax',
    secure,
  })
}

/** Of a POST. The browser knows best: it tells the page's own origin, whatever proxies lie between. */
export function cameOverTls({ headers, socket }: IncomingMessage): boolean {
  return headers.origin?.startsWith('https:') === true || 'encrypted' in socket
}
