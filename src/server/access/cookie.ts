import type { IncomingMessage } from 'node:http'
import { parseCookie, stringifySetCookie } from 'cookie'

const NAME = 'vggzoo_session'

export function sessionOf({ headers }: IncomingMessage): string | null {
  return headers.cookie === undefined ? null : (parseCookie(headers.cookie)[NAME] ?? null)
}

/** The header Set-Cookie that lets the browser of this request keep a session; one of null takes it away. */
export function setSession(
  request: IncomingMessage,
  session: { secret: string; expiresAt: Date } | null,
): string {
  return stringifySetCookie({
    name: NAME,
    value: session?.secret ?? '',
    expires: session?.expiresAt ?? new Date(0),
    path: '/',
    httpOnly: true,
    sameSite: 'strict',
    secure: cameOverTls(request),
  })
}

/** The browser knows best: it tells the page's own origin, whatever proxies lie between. */
function cameOverTls({ headers, socket }: IncomingMessage): boolean {
  return headers.origin?.startsWith('https:') === true || 'encrypted' in socket
}
