import { deflateSync, gzipSync } from 'node:zlib'
import { broken } from '../damage.ts'
import type { Draw } from '../random.ts'
import { BOUNDARY, body, type Part } from '../upload.ts'
import type { Attack } from './bombard.ts'
import { asked, paramsOf } from './documents.ts'
import { anything, Fields, jsonOf } from './values.ts'
import { answersIn, exchange, faultOf } from './wire.ts'

type Target = { readonly url: string }

/** Sends bytes and judges every answer to them; there is one where they are whole requests. */
async function judged(
  { url }: Target,
  pieces: readonly Uint8Array[],
  isWhole: boolean,
): Promise<string | null> {
  const answers = answersIn(await exchange(url, pieces, isWhole))
  const fault = isWhole && answers.length === 0 ? 'no answer' : answers.map(faultOf).find((it) => it !== null)
  return fault == null ? null : `${fault} <- ${Buffer.concat(pieces).toString('latin1').slice(0, 3000)}`
}

/** A request with its length; headers may be anything. */
export function request(
  method: string,
  path: string,
  headers: readonly string[],
  content: Uint8Array = Buffer.alloc(0),
): Buffer {
  const head = [
    `${method} ${path} HTTP/1.1`,
    'Host: localhost',
    ...headers,
    `Content-Length: ${content.length}`,
    'Connection: close',
  ]
  return Buffer.concat([Buffer.from(`${head.join('\r\n')}\r\n\r\n`, 'latin1'), content])
}

/** Documents and variables in every way that HTTP has for them. */
export const documents =
  (server: Target): Attack =>
  (draw) => {
    const it = asked(draw, ['query', 'query', 'mutation', 'subscription'])
    const params = Buffer.from(paramsOf(draw, it))
    const search = () =>
      new URLSearchParams({
        query: it.query.slice(0, 8000),
        variables: it.variables.slice(0, 4000),
      }).toString()
    const post = (type: string, content: Uint8Array, ...more: string[]) =>
      request('POST', '/graphql', [`Content-Type: ${type}`, ...more], content)
    return judged(
      server,
      [
        draw.oneOf([
          () => post('application/json', params),
          () => post('application/json', params),
          () => post('application/json', params),
          () => post('application/json', broken(draw, params).bytes),
          () => post('application/json; charset=latin1', params),
          () => post('application/json', broken(draw, gzipSync(params)).bytes, 'Content-Encoding: gzip'),
          () =>
            post(
              'application/json',
              draw.chance(0.5) ? gzipSync(params) : deflateSync(params),
              'Content-Encoding: deflate',
            ),
          () => post('application/graphql', Buffer.from(it.query)),
          () => post('application/x-www-form-urlencoded', Buffer.from(search())),
          () => request('GET', `/graphql?${search()}`, ['x-graphql-yoga-csrf: 1']),
        ])(),
      ],
      true,
    )
  }

const LINES = [
  'GET /graphql HTTP/1.1',
  'GET / HTTP/9.9',
  'GET / HTTP/1.0',
  'GET /',
  '',
  ' ',
  'POST /graphql HTTP/1.1',
  'PRI * HTTP/2.0',
  'CONNECT localhost:80 HTTP/1.1',
  'OPTIONS * HTTP/1.1',
  'TRACE / HTTP/1.1',
  'HEAD /downloads/x HTTP/1.1',
  'DELETE /graphql HTTP/1.1',
  'get / http/1.1',
  'GET http://[::1/ HTTP/1.1',
  'GET http://localhost/graphql?query={__typename} HTTP/1.1',
  'GET //evil.example/%2e%2e/ HTTP/1.1',
  'GET /%ff%00%zz HTTP/1.1',
  'GET /assets/..%2f..%2fpackage.json HTTP/1.1',
  'GET /downloads/%00 HTTP/1.1',
  'GET /graphql?query=%ff HTTP/1.1',
  'GET /graphql?variables={ HTTP/1.1',
  'GET /login?to=//x HTTP/1.1',
  'POST /login HTTP/1.1',
  'POST /health HTTP/1.1',
  'GET /metrics HTTP/1.1',
  'GET /backup HTTP/1.1',
  'GET \\ HTTP/1.1',
  'GET http://%%% HTTP/1.1',
  'GET ? HTTP/1.1',
  'GET # HTTP/1.1',
  'GET http:// HTTP/1.1',
  'GET https://:@/ HTTP/1.1',
]
const FIELDS = [
  'Host: localhost',
  'Host: evil.example',
  'Host:',
  'Host: [::1',
  'Host: a b',
  'Content-Length: 5',
  'Content-Length: -1',
  'Content-Length: 99999999999999999999',
  'Content-Length: 0x5',
  'Content-Length: 5, 5',
  'Transfer-Encoding: chunked',
  'Transfer-Encoding: chunked, identity',
  'Transfer-Encoding: xchunked',
  'Transfer-Encoding:\tchunked',
  'Content-Type: application/json',
  'Content-Type: multipart/form-data',
  'Content-Type: multipart/form-data; boundary=',
  'Content-Type: ;;;',
  'Content-Encoding: gzip',
  'Content-Encoding: br, gzip',
  'Content-Encoding: __proto__',
  'Accept: */*;q=x',
  'Accept: ,',
  'Accept: text/html',
  'Accept: application/graphql-response+json',
  'Expect: 100-continue',
  'Expect: x',
  'Connection: upgrade',
  'Upgrade: websocket',
  'Upgrade: h2c',
  'Sec-WebSocket-Version: 13',
  'Sec-WebSocket-Key: x',
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
  'Sec-WebSocket-Protocol: graphql-transport-ws',
  'Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=99',
  'Origin: null',
  'Origin: http://[',
  'Range: bytes=-1-',
  'If-None-Match: "',
  'Cookie: a=b',
  'X-Request-Id: \x01',
  'X-Forwarded-For: ,,',
  'x\0y: z',
  ': x',
  'no colon',
  ' folded: x',
  'traceparent: 00-0-0-0',
  'Access-Control-Request-Method: POST',
  `X-Long: ${'y'.repeat(20_000)}`,
]
const BODIES = [
  '',
  '{"query":"{__typename}"}',
  '5\r\nhello\r\n0\r\n\r\n',
  'ffffffffffffffff\r\nx\r\n',
  '-1\r\n',
  '1;ext=\0\r\nx\r\n0\r\nTrailer: x\r\n\r\n',
  '0\r\n\r\nGET / HTTP/1.1\r\nHost: localhost\r\n\r\n',
  'zz\r\n',
  '5\nhello\n0\n\n',
]

/** Requests that are none, or not quite. */
export const framing =
  (server: Target): Attack =>
  (draw) => {
    const one = (): Buffer => {
      if (draw.chance(0.1)) return draw.bytes(draw.below(300))
      const fields = Array.from({ length: draw.below(7) }, () => draw.oneOf(FIELDS))
      if (draw.chance(0.8)) fields.unshift('Host: localhost')
      const end = draw.chance(0.9) ? '\r\n' : draw.oneOf(['\n', '\r', '\r\r\n'])
      return Buffer.from([draw.oneOf(LINES), ...fields, '', draw.oneOf(BODIES)].join(end), 'latin1')
    }
    const whole = Buffer.concat(Array.from({ length: 1 + draw.below(3) }, one))
    const bytes = draw.chance(0.3) && whole.length > 0 ? broken(draw, whole).bytes : whole
    const at = draw.below(bytes.length + 1)
    return judged(server, draw.chance(0.5) ? [bytes] : [bytes.subarray(0, at), bytes.subarray(at)], false)
  }

const NAMES = ['operations', 'map', '0', '1', '', '__proto__', 'x\\"y', 'é', 'x'.repeat(500)]

const DISPOSITIONS = [
  'form-data',
  'form-data; name',
  'form-data; name=',
  "form-data; name*=UTF-8''%ff%00",
  'form-data; name*=x',
  'form-data; name="',
  'form-data; name="0"; filename*=UTF-8\'\'%',
  'form-data; name="0"; filename="\\',
  'attachment; name="0"',
  '',
  ';',
  'form-data; name="operations"; filename="o.json"',
  'form-data; name="0"\r\ncontent-type: x/y; charset=\xff',
  'form-data; name="0"\r\ncontent-transfer-encoding: base64',
  `form-data; name="0"; filename="${'x'.repeat(9000)}"`,
]

/** One of its parts says something else of itself. */
function disposed(draw: Draw, form: Buffer): Buffer {
  const lines = form.toString('latin1').split('\r\n')
  const places = lines.flatMap((line, i) => (line.startsWith('content-disposition') ? [i] : []))
  lines[draw.oneOf(places)] = `content-disposition: ${draw.oneOf(DISPOSITIONS)}`
  return Buffer.from(lines.join('\r\n'), 'latin1')
}

/** Forms with files, of which something is amiss. */
export const multipart =
  (server: Target): Attack =>
  (draw) => {
    const file = draw.oneOf(['Upload!', 'File!', 'File', '[File!]'])
    const operations = draw.chance(0.6)
      ? JSON.stringify({
          query: `mutation ($file: ${file}) { importModel(input: { name: "x", architecture: "none", weights: { safetensors: $file } }) { __typename } }`,
          variables: { file: null },
        })
      : paramsOf(draw, asked(draw, ['query', 'mutation', 'subscription']))
    const place = draw.oneOf([
      'variables.file',
      'variables.file',
      'variables.file',
      'variables',
      'query',
      '',
      '.',
      'variables.__proto__.x',
      'constructor.prototype.x',
      'variables.file.path',
      '0.variables.file',
    ])
    const map = draw.chance(0.7)
      ? JSON.stringify({ 0: [place] })
      : draw.oneOf([jsonOf(anything(draw)), jsonOf(new Fields([[draw.oneOf(NAMES), anything(draw, 2)]]))])
    const parts: Part[] = [
      ['operations', operations],
      ['map', map],
      ['0', draw.bytes(draw.below(2000)), draw.oneOf(['w.bin', '', '../x', 'a"b', 'x'.repeat(300)])],
    ]
    for (let i = draw.chance(0.4) ? 1 + draw.below(2) : 0; i > 0; i--) {
      draw.oneOf([
        () => parts.splice(draw.below(parts.length), 1),
        () => parts.push(draw.oneOf(parts)),
        () => parts.reverse(),
        () => parts.push([draw.oneOf(NAMES), draw.bytes(20), draw.oneOf(['f', undefined])]),
      ])()
      if (parts.length === 0) parts.push(['x', 'y'])
    }
    const form = draw.chance(0.2) ? disposed(draw, body(parts)) : body(parts)
    const content = draw.chance(0.5) ? broken(draw, form).bytes : form
    const isPacked = draw.chance(0.1)
    const packed = isPacked ? broken(draw, gzipSync(content)).bytes : content
    const type = draw.oneOf([
      ...Array<string>(12).fill(`multipart/form-data; boundary=${BOUNDARY}`),
      'multipart/form-data',
      'multipart/form-data; boundary=',
      'multipart/form-data; boundary="',
      `multipart/form-data; boundary=${'b'.repeat(500)}`,
      `MULTIPART/FORM-DATA; Boundary="${BOUNDARY}"`,
      `multipart/form-data; boundary=${BOUNDARY}; boundary=x; charset=\xff`,
    ])
    const headers = [
      `Content-Type: ${type}`,
      ...(isPacked ? ['Content-Encoding: gzip'] : []),
      ...(draw.chance(0.95) ? ['x-graphql-yoga-csrf: 1'] : []),
    ]
    const sent = request('POST', '/graphql', headers, packed)
    const isWhole = draw.chance(0.9)
    return judged(server, [isWhole ? sent : sent.subarray(0, draw.below(sent.length))], isWhole)
  }
