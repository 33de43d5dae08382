import { once } from 'node:events'
import WebSocket from 'ws'
import { broken } from '../damage.ts'
import type { GuardedServer } from '../guarded.ts'
import type { Draw } from '../random.ts'
import type { Attack } from './bombard.ts'
import { request } from './over-http.ts'
import { anything, Fields, jsonOf, text, type Value } from './values.ts'
import { answersIn, exchange, faultOf } from './wire.ts'

/** What a server gave to people: a token, a session's cookie, and a link to a file. */
export interface Given {
  token: string
  session: string
  link: string
}

/** Signs in with a token, as the dashboard does. */
export async function given(server: GuardedServer): Promise<Given> {
  const token = await server.token('given', 'VIEWER')
  const response = await fetch(`${server.url}/login`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', origin: server.url },
    body: JSON.stringify({ token }),
  })
  const session = /vggzoo_session=([^;]+)/.exec(response.headers.get('set-cookie') ?? '')?.[1]
  if (session === undefined) throw new Error(`nobody was signed in: ${response.status}`)
  return { token, session, link: '/downloads/x?expires=9999999999&signature=AAAA' }
}

const ODD = [
  '',
  ' ',
  'vgz_',
  'vgs_',
  'vgz_000000000000_',
  `vgz_000000000000_${'A'.repeat(43)}`,
  `vgs_ffffffffffff_${'-'.repeat(43)}`,
  'null',
  'Bearer',
  '\xff\xfe',
  '%00',
  '%',
  '%zz',
  '__proto__',
  'x'.repeat(4000),
  '"',
  ';',
  '=',
  'eyJhbGciOiJub25lIn0.e30.',
]

/** Like a secret, and none: it lets nobody in. */
function wrong(draw: Draw, secret: string): string {
  const made = draw
    .oneOf([
      () => draw.oneOf(ODD),
      () => broken(draw, Buffer.from(secret)).bytes.toString('latin1'),
      () => secret.slice(0, -1) + draw.oneOf(['A', 'B', '_', ' ', '=', '\xe9']),
      () => secret.toUpperCase(),
      () => secret.replace(/^vg./, draw.oneOf(['vgz', 'vgs', 'vgx'])),
      () => `${secret}${secret}`,
      () => secret + draw.oneOf(ODD.slice(2)),
    ])()
    .replaceAll(/[\r\n\0]/g, '')
  // Blanks around a token are none of it.
  return made.trim() === secret ? `${secret}x` : made
}

const ASKED = Buffer.from('{"query":"{ viewer { role } }"}')
const JSON_TYPE = 'Content-Type: application/json'

/** Headers, cookies, bodies of a sign in, and links that are like those of somebody, and let nobody in. */
export function overHttp(server: GuardedServer, { token, session, link }: Given): Attack {
  return async (draw) => {
    const scheme = draw.oneOf([
      'Bearer ',
      'Bearer ',
      'Bearer ',
      'bearer\t',
      'Basic ',
      'Bearer',
      '',
      'Digest ',
      'Bearer Bearer ',
    ])
    const cookie = () => {
      const name = draw.oneOf([
        'vggzoo_session',
        'vggzoo_session',
        'vggzoo_signing_in',
        '__proto__',
        'constructor',
        'vggzoo_session ',
      ])
      return `${name}=${wrong(draw, session)}`
    }
    const origin = draw.oneOf([`Origin: ${server.url}`, 'Origin: null', 'Origin: http://[', 'X: y'])
    const asking = (headers: string[]) => request('POST', '/graphql', [JSON_TYPE, ...headers], ASKED)
    const body = draw
      .oneOf([
        () => jsonOf(new Fields([['token', draw.chance(0.5) ? anything(draw) : wrong(draw, token)]])),
        () => broken(draw, Buffer.from(JSON.stringify({ token: `${token}x` }))).bytes.toString('latin1'),
        () => jsonOf(anything(draw)),
        () => `{"token":"${'x'.repeat(5000)}`,
      ])()
      .replaceAll(token, `${token}x`)
    const path = draw.oneOf([
      link,
      '/login',
      '/login/methods',
      '/login/oidc',
      '/login/oidc/callback?state=x',
      '/backup',
      '/check',
      '/metrics',
    ])
    const bytes = draw.oneOf([
      () => asking([`Authorization: ${scheme}${wrong(draw, token)}`]),
      () => asking([`Cookie: ${cookie()}`]),
      () =>
        asking([
          `Cookie: ${Array.from({ length: draw.oneOf([2, 3, 50]) }, cookie).join(draw.oneOf(['; ', ';', ',', ' ']))}`,
          origin,
        ]),
      () =>
        asking([
          `Authorization: ${scheme}${wrong(draw, token)}`,
          `Cookie: ${cookie()}`,
          `Authorization: ${wrong(draw, token)}`,
        ]),
      () => request('POST', '/login', [JSON_TYPE, `Origin: http://localhost`], Buffer.from(body, 'latin1')),
      () => request('POST', '/logout', [JSON_TYPE, `Cookie: ${cookie()}`], Buffer.from(body)),
      () =>
        request(
          'GET',
          broken(draw, Buffer.from(path))
            .bytes.toString('latin1')
            .replaceAll(/[\s\0]/g, ''),
          [`Cookie: ${cookie()}`],
        ),
    ])()
    const answers = answersIn(await exchange(server.url, [bytes], true))
    const fault = answers.length === 0 ? 'no answer' : answers.map(faultOf).find((it) => it !== null)
    const isIn = answers.some((answer) => /"role":|vggzoo_session=vgs_/.test(answer.body + answer.head))
    if (fault == null && !isIn) return null
    return `${fault ?? 'somebody was let in'} <- ${bytes.toString('latin1').slice(0, 2000)}`
  }
}

/** The same in the params of a WebSocket's ConnectionInit. */
export function overWebSocket(server: GuardedServer, { token }: Given): Attack {
  return async (draw) => {
    const value: Value = draw.chance(0.7)
      ? `${draw.oneOf(['Bearer ', 'bearer ', ''])}${wrong(draw, token)}`
      : anything(draw)
    const name = draw.oneOf(['Authorization', 'authorization', 'AUTHORIZATION', '__proto__', 'token'])
    const params = draw.chance(0.9)
      ? new Fields([
          [name, value],
          [text(draw), anything(draw, 1)],
        ])
      : anything(draw)
    const init = jsonOf(
      new Fields([
        ['type', 'connection_init'],
        ['payload', params],
      ]),
    )
    const socket = new WebSocket(`${server.url.replace('http', 'ws')}/graphql`, 'graphql-transport-ws')
    await once(socket, 'open')
    const said: string[] = []
    socket
      .on('error', () => {})
      .on('message', (data) => {
        said.push(String(data))
        socket.close()
      })
    const closed = new Promise<number>((resolve) => socket.once('close', resolve))
    socket.send(init)
    const code = await closed
    // Understood, not understood, too long.
    return said.length === 0 && [4401, 4400, 1009].includes(code) ? null : `${code} ${said} <- ${init}`
  }
}
