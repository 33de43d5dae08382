import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { request } from 'node:http'
import { networkInterfaces } from 'node:os'
import { afterEach, describe, expect, test } from 'vitest'
import WebSocket from 'ws'
import { OPEN_GATE } from '../../../src/server/access/gate.ts'
import type { GraphQLHandler } from '../../../src/server/graphql/graphql.ts'
import { type HttpServer, listen } from '../../../src/server/http.ts'
import { createOriginPolicy } from '../../../src/server/origin.ts'

const servers: HttpServer[] = []
afterEach(() => Promise.all(servers.splice(0).map((server) => server.close())))

async function open(host: string): Promise<HttpServer> {
  const server = await listen(host, 0)
  servers.push(server)
  return server
}

/** Answers every path with 200, as far as the policy lets a request come. */
function serve(server: HttpServer, host: string, allowedOrigins: string[] = []): void {
  const answer = async (_request: IncomingMessage, response: ServerResponse) => void response.end()
  server.serve({
    handler: answer as unknown as GraphQLHandler,
    uploadHandler: answer as unknown as GraphQLHandler,
    downloads: answer,
    pages: answer,
    signIn: { signIn() {}, signOut() {} },
    policy: createOriginPolicy({ host, address: server.address, allowedOrigins }),
    gate: OPEN_GATE,
    readiness: async () => ({}),
    metrics: null,
  })
}

async function statusFor(
  server: HttpServer,
  host: string,
  path = '/health/ready',
  headers = {},
): Promise<number> {
  const asked = request(server.url, { path, headers: { ...headers, host } }).end()
  const [response] = (await once(asked, 'response')) as [IncomingMessage]
  response.resume()
  return response.statusCode!
}

async function webSocketStatusFor(server: HttpServer, host: string): Promise<number> {
  const socket = new WebSocket(`${server.url.replace('http', 'ws')}/graphql`, 'graphql-transport-ws', {
    headers: { host },
  })
  socket.on('error', () => {})
  return new Promise((resolve) => {
    socket.on('unexpected-response', (_request, response) => {
      socket.terminate()
      resolve(response.statusCode!)
    })
    socket.on('open', () => {
      socket.terminate()
      resolve(101)
    })
  })
}

const isThere = (address: string) =>
  Object.values(networkInterfaces()).some((all) => all?.some((it) => it.address === address))
const IPV4 = ['127.0.0.1', 'localhost', 'LOCALHOST', '127.0.0.2', '127.1', '0x7f000001', '2130706433']
const IPV6 = ['::1', '0:0:0:0:0:0:0:1', '::ffff:127.0.0.1', '::ffff:7f00:1']

describe('a server that only its own machine reaches', () => {
  test.each([...IPV4, ...(isThere('::1') ? IPV6 : [])])(
    'checks the Host header, also when HOST spells it %s',
    async (host) => {
      const server = await open(host)
      serve(server, host)
      expect(await statusFor(server, 'evil.example')).toBe(403)
      expect(await statusFor(server, 'localhost')).toBe(200)
    },
  )

  test('has a name by each way that leads to it, at any port, and by no other', async () => {
    const server = await open('127.0.0.1')
    // As if HOST were a name that /etc/hosts has.
    serve(server, 'My-Machine', ['https://zoo.example'])
    const names = ['localhost', 'LocalHost.', '127.0.0.1', '127.1.2.3', '[::1]', '[0:0:0:0:0:0:0:1]']
    for (const name of [...names, '[::ffff:127.0.0.1]', '0x7f.1', 'my-machine', 'zoo.example']) {
      expect([name, await statusFor(server, name)]).toEqual([name, 200])
      expect([name, await statusFor(server, `${name}:8080`)]).toEqual([name, 200])
    }
    const others = ['evil.example', 'localhost.evil.example', '127.0.0.1.evil.example', '10.0.0.1', '0.0.0.0']
    for (const name of [...others, '[::2]', 'evil@localhost', 'localhost/evil', 'localhost:evil']) {
      expect([name, await statusFor(server, name)]).toEqual([name, 403])
    }
  })

  test('checks it on every path and over WebSocket', async () => {
    const server = await open('127.0.0.1')
    serve(server, '127.0.0.1')
    for (const path of ['/', '/graphql', '/downloads/a/b', '/health/ready', '/nothing']) {
      expect([path, await statusFor(server, 'evil.example', path)]).toEqual([path, 403])
      const stream = { accept: 'text/event-stream' }
      expect([path, await statusFor(server, 'evil.example', path, stream)]).toEqual([path, 403])
    }
    expect(await webSocketStatusFor(server, 'evil.example')).toBe(403)
    expect(await webSocketStatusFor(server, 'localhost')).toBe(101)
  })
})

test('a request for a whole URL, as to a proxy, is answered as one for its path', async () => {
  const server = await open('127.0.0.1')
  serve(server, '127.0.0.1')
  for (const path of [
    `${server.url}/health/ready`,
    `${server.url}/graphql?query=%7B__typename%7D`,
    `${server.url}`,
  ])
    expect([path, await statusFor(server, 'localhost', path)]).toEqual([
      path,
      await statusFor(server, 'localhost', path.slice(server.url.length) || '/'),
    ])
  expect(await statusFor(server, 'evil.example', `${server.url}/health/ready`)).toBe(403)
  expect(await statusFor(server, 'localhost', `${server.url}/nothing`)).toBe(404)
})

test('a server that other machines reach cannot know its names', async () => {
  const server = await open('0.0.0.0')
  serve(server, '0.0.0.0')
  expect(await statusFor(server, 'any.example')).toBe(200)
})

describe('a port', () => {
  test('that is bound keeps who asks early waiting, and answers when the server serves', async () => {
    const server = await open('127.0.0.1')
    const early = statusFor(server, 'localhost')
    const late = request(server.url).end()
    await once(late, 'socket')
    serve(server, '127.0.0.1')
    expect(await early).toBe(200)
    const [response] = await once(late, 'response')
    expect(response.resume().statusCode).toBe(200)
  })

  test('that is closed before its server serves lets nobody wait', async () => {
    const server = await open('127.0.0.1')
    const early = request(server.url).end()
    const [socket] = await once(early, 'socket')
    if (socket.connecting) await once(socket, 'connect')
    const cut = once(early, 'error').catch(() => {})
    await server.close()
    await cut
  })

  test.each([
    ['10.255.255.1', /^HOST 10\.255\.255\.1 is not an address of this machine\. Set HOST to 127\.0\.0\.1/],
    ['no.such.host.invalid', /^HOST no\.such\.host\.invalid is no address.* Set HOST to/],
    ['localhost:4000', /^HOST localhost:4000 is no address.* Set HOST to/],
    ['http://localhost', /^HOST http:\/\/localhost is no address.* Set HOST to/],
    ['fe80::1', /^HOST fe80::1 .* Set HOST to/],
  ])('of HOST %s cannot be had, and one line says what to do', async (host, message) => {
    const error = await listen(host, 0).then(
      () => null,
      (reason: Error) => reason,
    )
    expect(error?.message).toMatch(message)
    expect(error?.message).not.toContain('\n')
  })

  test('that is taken is named', async () => {
    const { url } = await open('127.0.0.1')
    const { port } = new URL(url)
    await expect(listen('127.0.0.1', Number(port))).rejects.toThrow(
      `PORT ${port} is in use by another program; stop that one or set another PORT.`,
    )
  })
})
