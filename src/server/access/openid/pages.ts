import type { ServerResponse } from 'node:http'

/** The page below has no scripts, no styles and no pictures. */
const POLICY = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

/**
 * Leads on to a page of this server, from one. A redirect would be a step of the way that began at the provider, and on
 * such a way browsers send no cookie that is SameSite=Strict.
 */
export function leadOn(response: ServerResponse, to: URL): void {
  const address = to.href.replace(/[&"<>]/g, (character) => `&#${character.charCodeAt(0)};`)
  response
    .writeHead(200, {
      'content-type': 'text/html; charset=utf-8',
      'cache-control': 'no-store',
      'content-security-policy': POLICY,
    })
    .end(
      `<!doctype html><html lang="en"><title>Signed in</title><meta http-equiv="refresh" content="0;url=${address}"><p>You are signed in. <a href="${address}">Go on.</a></p></html>`,
    )
}
