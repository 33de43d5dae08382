import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type GraphQLResult, sharedServer, stopServers, type TestServer } from '../support/server.ts'
import { BOUNDARY, body, type Part, uploadsGone } from '../support/upload.ts'

const PREDICT = `mutation ($file: File!) { predict(input: { image: { upload: $file } }) {
  __typename ... on UnsupportedImageError { reason message } ... on Error { message } } }`

let server: TestServer
beforeAll(async () => {
  server = await sharedServer()
})
afterAll(stopServers)

const OPERATIONS: Part = ['operations', JSON.stringify({ query: PREDICT, variables: { file: null } })]
const MAP: Part = ['map', JSON.stringify({ 0: ['variables.file'] })]

async function post(content: Uint8Array, headers: Record<string, string> = {}) {
  const response = await fetch(`${server.url}/graphql`, {
    method: 'POST',
    body: new Uint8Array(content),
    headers: {
      'content-type': `multipart/form-data; boundary=${BOUNDARY}`,
      'x-graphql-yoga-csrf': '1',
      ...headers,
    },
  })
  return { status: response.status, ...((await response.json()) as GraphQLResult) }
}

describe('a request that is not what the specification says is refused in words, and leaves no file', () => {
  const cases: [string, Buffer, number, RegExp][] = [
    ['without operations', body([MAP, ['0', 'x', 'f']]), 400, /"operations" and "map" must come before/],
    ['without a map', body([OPERATIONS, ['0', 'x', 'f']]), 400, /"operations" and "map" must come before/],
    ['with operations that are no JSON', body([['operations', '{'], MAP]), 400, /"operations" is not JSON/],
    ['with operations that are no object', body([['operations', '7'], MAP]), 400, /not an object/],
    [
      'with a map of another form',
      body([OPERATIONS, ['map', '{"0":"variables.file"}']]),
      400,
      /lists of paths/,
    ],
    [
      'whose map leads nowhere',
      body([OPERATIONS, ['map', '{"0":["variables.x"]}'], ['0', 'x', 'f']]),
      400,
      /"variables.x" of the map does not lead to a null/,
    ],
    [
      'whose map leads into a prototype',
      body([OPERATIONS, ['map', '{"0":["__proto__.x"]}'], ['0', 'x', 'f']]),
      400,
      /does not lead to a null/,
    ],
    [
      'whose map leads to the query',
      body([OPERATIONS, ['map', '{"0":["query"]}'], ['0', 'x', 'f']]),
      400,
      /does not lead to a null/,
    ],
    [
      'with a file that the map does not name',
      body([OPERATIONS, MAP, ['1', 'x', 'f']]),
      400,
      /does not name the file part "1"/,
    ],
    [
      'with a file twice',
      body([OPERATIONS, MAP, ['0', 'x', 'f'], ['0', 'x', 'f']]),
      400,
      /two file parts "0"/,
    ],
    ['without its file', body([OPERATIONS, MAP]), 400, /"0", which the map names, is missing/],
    ['with another field', body([OPERATIONS, MAP, ['other', 'x']]), 400, /The form has a field "other"/],
    ['with another field before all', body([['token', 'x'], OPERATIONS, MAP]), 400, /has a field "token"/],
    [
      'with another file',
      body([OPERATIONS, MAP, ['other', 'x', 'f']]),
      400,
      /does not name the file part "other"/,
    ],
    [
      'with a list of operations',
      body([
        ['operations', '[]'],
        ['map', '{}'],
      ]),
      400,
      /Batching/,
    ],
    ['with a map that is no JSON', body([OPERATIONS, ['map', '[']]), 400, /"map" is not JSON/],
    [
      'with a query that is none',
      body([
        ['operations', '{"query":5}'],
        ['map', '{}'],
      ]),
      400,
      /"query".*number/,
    ],
    [
      'with variables that are none',
      body([
        ['operations', '{"query":"{ __typename }","variables":5}'],
        ['map', '{}'],
      ]),
      400,
      /"variables".*number/,
    ],
    ['with operations twice', body([OPERATIONS, MAP, OPERATIONS]), 400, /may come only once/],
    [
      'with operations that are too long',
      body([['operations', JSON.stringify({ query: ' '.repeat(27 * 2 ** 20) })], MAP]),
      413,
      /"operations" has more than 28027563 bytes/,
    ],
    [
      'with a map that is too long',
      body([OPERATIONS, ['map', JSON.stringify({ a: [' '.repeat(2 ** 20)] })]]),
      413,
      /"map" has more than 1048576 bytes/,
    ],
    [
      'with too many files',
      body([
        OPERATIONS,
        ['map', JSON.stringify(Object.fromEntries(Array.from({ length: 257 }, (_, i) => [i, []])))],
        ...Array.from({ length: 257 }, (_, i): Part => [String(i), 'x', 'f']),
      ]),
      413,
      /more than 256 files/,
    ],
    [
      'that is cut short',
      body([OPERATIONS, MAP, ['0', 'x'.repeat(1000), 'f']]).subarray(0, 500),
      400,
      /not multipart|Unexpected end|missing/i,
    ],
    [
      'with a part that has no name',
      Buffer.from(
        body([['x', 'y'], OPERATIONS, MAP])
          .toString()
          .replace('; name="x"', ''),
      ),
      400,
      /A part of the form has no name/,
    ],
    ['that is empty', Buffer.alloc(0), 400, /operations|Unexpected end/],
  ]
  test.each(cases)('%s', async (_what, content, status, message) => {
    const answer = await post(content)
    expect(answer.status).toBe(status)
    expect(answer.errors?.[0].message).toMatch(message)
    expect(answer.errors?.[0].extensions?.code).toBe('BAD_USER_INPUT')
    await uploadsGone(server)
  })

  test('with a file of a name that PostgreSQL cannot keep', async () => {
    const { status, errors } = await post(body([OPERATIONS, MAP, ['0', 'x', 'a\0b']]))
    expect(errors).toMatchObject([
      { message: expect.stringMatching(/^\$file holds NUL/), extensions: { code: 'BAD_USER_INPUT' } },
    ])
    expect(status).toBe(200)
    await uploadsGone(server)
  })

  test('with an Accept that no answer has, before anything is read', async () => {
    const answer = await post(body([OPERATIONS, MAP, ['0', 'x', 'f']]), { accept: 'image/png' })
    expect(answer.status).toBe(406)
    await uploadsGone(server)
  })

  test('without a boundary', async () => {
    const answer = await post(body([OPERATIONS]), { 'content-type': 'multipart/form-data' })
    expect(answer.status).toBe(400)
    expect(answer.errors?.[0].message).toMatch(/boundary/i)
  })

  test('without the header that other pages cannot send, before anything is read', async () => {
    const response = await fetch(`${server.url}/graphql`, {
      method: 'POST',
      body: new Uint8Array(body([OPERATIONS, MAP, ['0', 'x', 'f']])),
      headers: { 'content-type': `multipart/form-data; boundary=${BOUNDARY}` },
    })
    expect(response.status).toBe(403)
    await uploadsGone(server)
  })
})
