import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { parseSetCookie } from 'cookie'
import Provider from 'oidc-provider'

/** A real provider at localhost, which is another site to a browser than 127.0.0.1. */
export interface TestProvider {
  readonly issuer: string
  /** What a server is told to have people sign in here. */
  readonly env: NodeJS.ProcessEnv
  /** While it is, nobody gets an answer. */
  isDown: boolean
  close(): Promise<void>
}

/** Who may sign in, by what they type as login, with what the provider says of them. */
export type People = Readonly<Record<string, { name?: string; groups?: readonly string[] }>>

const SECRET = 'the secret of the client, which nobody is to see'

/**
 * @param publicUrl  of the server that people sign in to
 * @param terse  whether it is one that wants the client's secret in the body, and tells all in the ID token
 */
export async function startProvider(
  publicUrl: string,
  people: People,
  { terse = false } = {},
): Promise<TestProvider> {
  const server = createServer()
  await once(server.listen(0, 'localhost'), 'listening')
  const issuer = `http://localhost:${(server.address() as AddressInfo).port}`
  const method = terse ? 'client_secret_post' : 'client_secret_basic'
  const provider = new Provider(issuer, {
    clients: [
      {
        client_id: 'zoo',
        client_secret: SECRET,
        redirect_uris: [`${publicUrl}/login/oidc/callback`],
        token_endpoint_auth_method: method,
      },
    ],
    clientAuthMethods: [method],
    features: { userinfo: { enabled: !terse } },
    conformIdTokenClaims: !terse,
    claims: { openid: ['sub'], profile: ['name'], groups: ['groups'] },
    findAccount: (_context, id) => ({ accountId: id, claims: () => ({ sub: id, ...people[id] }) }),
    cookies: { keys: ['a key of the test'] },
    pkce: { required: () => true },
  })
  const answer = provider.callback()
  const it: TestProvider = {
    issuer,
    env: {
      OIDC_ISSUER: issuer,
      OIDC_CLIENT_ID: 'zoo',
      OIDC_CLIENT_SECRET: SECRET,
      OIDC_SCOPES: 'openid profile groups',
      OIDC_ROLES: 'zoo-admins=admin, lab=operator',
      PUBLIC_URL: publicUrl,
    },
    isDown: false,
    async close() {
      const closed = once(server, 'close')
      server.close()
      server.closeAllConnections()
      await closed
    },
  }
  server.on('request', (request, response) => {
    if (it.isDown) response.destroy()
    else void answer(request, response)
  })
  return it
}

/** What a browser does of itself: it keeps cookies, and follows where it is led when it is told to. */
export interface Visitor {
  get(url: string, headers?: Record<string, string>): Promise<Response>
  /**
   * Goes through the pages of the provider from the first, and answers where they lead back to, without going there.
   * @param login  what to type; null gives up at the first page
   */
  goThrough(page: string, login: string | null): Promise<string>
  /** Of the host of an address. */
  cookies(url: string): Map<string, string>
}

/** More steps than there are at a provider are a circle. */
const MOST_STEPS = 20

export function newVisitor(): Visitor {
  const jars = new Map<string, Map<string, string>>()
  const cookies: Visitor['cookies'] = (url) => {
    const { host } = new URL(url)
    if (!jars.has(host)) jars.set(host, new Map())
    return jars.get(host)!
  }
  async function send(url: string, init: RequestInit = {}): Promise<Response> {
    const jar = cookies(url)
    const cookie = [...jar].map(([name, value]) => `${name}=${value}`).join('; ')
    const headers = { ...init.headers, ...(cookie !== '' && { cookie }) }
    const response = await fetch(url, { ...init, headers, redirect: 'manual' })
    for (const header of response.headers.getSetCookie()) {
      const { name, value, maxAge, expires } = parseSetCookie(header, { decode: (text) => text })
      const isOver = maxAge === 0 || (expires !== undefined && expires.getTime() <= Date.now())
      if (isOver || value === undefined) jar.delete(name)
      else jar.set(name, value)
    }
    return response
  }
  return {
    get: (url, headers) => send(url, { headers: headers ?? {} }),
    async goThrough(page, login) {
      const { origin } = new URL(page)
      let at = page
      let response = await send(at)
      for (let step = 0; step < MOST_STEPS; step++) {
        const location = response.headers.get('location')
        if (location !== null) {
          at = new URL(location, at).href
          if (new URL(at).origin !== origin) return at
          response = await send(at)
          continue
        }
        const text = await response.text()
        const link = (pattern: RegExp) => new URL(pattern.exec(text)?.[1] ?? `no ${pattern}`, at).href
        const prompt = /name="prompt" value="(\w+)"/.exec(text)?.[1] ?? ''
        response =
          login === null
            ? await send(link(/href="([^"]*\/abort)"/))
            : await send(link(/action="([^"]+)"/), {
                method: 'POST',
                body: new URLSearchParams({ prompt, login, password: 'any' }),
              })
      }
      throw new Error(`The provider leads nowhere: ${at} answers ${response.status}.`)
    },
    cookies,
  }
}
