import { EventEmitter, once } from 'node:events'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { type ClientRequest, createServer, type IncomingMessage, request, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { brotliCompressSync, gzipSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { MAX_BODY_BYTES } from '../../../src/server/graphql/limits.ts'
import { createUploadLimits } from '../../../src/server/upload-limits.ts'
import { createUploadStore, type Upload, type UploadStore } from '../../../src/server/upload-store.ts'
import type { UploadedFile } from '../../../src/uploads.ts'
import { seededRandom } from '../../support/random.ts'

const BODY = Buffer.from(
  [
    ...part('operations', '{"variables":{"a":null,"b":null}}'),
    ...part('map', '{"0":["variables.a"],"1":["variables.b"]}'),
    ...part('0"; filename="first', 'x'.repeat(300)),
    ...part('1"; filename="second', 'y'.repeat(300)),
    '--boundary--',
  ].join('\r\n'),
)

function part(name: string, value: string): string[] {
  return ['--boundary', `content-disposition: form-data; name="${name}"`, '', value]
}

const limits = (maxModelBytes: number, maxDatasetBytes = maxModelBytes) =>
  createUploadLimits({ maxModelBytes, maxDatasetBytes })

let folder: string
let store: UploadStore
let server: Server
let onRequest: (request: IncomingMessage) => Promise<unknown>

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'vggzoo-uploads-'))
  store = createUploadStore(folder, limits(1000))
  server = createServer((request, response) => void onRequest(request).finally(() => response.end()))
  await once(server.listen(0, '127.0.0.1'), 'listening')
})
afterEach(async () => {
  server.closeAllConnections()
  await new Promise((resolve) => server.close(resolve))
  rmSync(folder, { recursive: true, force: true })
})

/** Opens a request with a body of so many bytes. */
function open(length: number, more: Record<string, string> = {}): ClientRequest {
  const { port } = server.address() as AddressInfo
  const type = 'multipart/form-data; boundary=boundary'
  const headers = { 'content-type': type, 'content-length': length, ...more }
  const opened = request({ host: '127.0.0.1', port, method: 'POST', headers })
  opened.on('error', () => {}).flushHeaders()
  return opened
}

/** What becomes of the next request: the number of its files on disk, or what is wrong with it. */
function received(): Promise<number | string> {
  return new Promise((resolve) => {
    onRequest = async (request) => {
      const outcome = store.receive(request).then(
        async ({ release }) => {
          const files = readdirSync(folder).length
          await release()
          return files
        },
        (error: Error) => error.message,
      )
      resolve(await outcome)
    }
  })
}

test('a large part beside the files waits until there is room for it; files, however large, do not', async () => {
  const held: { bytes: number; go(): void }[] = []
  const isHeld = new EventEmitter()
  const hold = (bytes: number) =>
    new Promise<void>((go) => {
      held.push({ bytes, go })
      isHeld.emit('held')
    })
  store = createUploadStore(folder, limits(2 ** 20))
  const outcomes: object[] = []
  onRequest = async (request) => {
    const { operations, release } = await store.receive(request, { hold })
    outcomes.push(operations)
    await release()
  }
  const bodyOf = (padding: number, bytes: number) =>
    Buffer.from(
      [
        ...part('operations', JSON.stringify({ variables: { a: null, text: 'x'.repeat(padding) } })),
        ...part('map', '{"0":["variables.a"]}'),
        ...part('0"; filename="first', 'y'.repeat(bytes)),
        '--boundary--',
      ].join('\r\n'),
    )
  const send = async (body: Buffer) => {
    const sent = open(body.length)
    const answered = once(sent, 'response')
    sent.end(body)
    const [response] = (await answered) as [IncomingMessage]
    await once(response.resume(), 'end')
  }
  await send(bodyOf(1000, 500_000))
  expect(held).toEqual([])
  const large = send(bodyOf(500_000, 1000))
  await once(isHeld, 'held')
  await send(bodyOf(1000, 1000))
  expect(outcomes).toHaveLength(2)
  expect(held.map(({ bytes }) => bytes)).toEqual([MAX_BODY_BYTES])
  held[0]!.go()
  await large
  expect(outcomes.at(-1)).toMatchObject({ variables: { text: 'x'.repeat(500_000) } })
})

describe('a body', () => {
  test('that is whole comes as its files', async () => {
    const outcome = received()
    open(BODY.length).end(BODY)
    expect(await outcome).toBe(2)
  })

  test('whose operations and map come as files is the same', async () => {
    const outcome = received()
    const body = BODY.toString().replaceAll(/name="(operations|map)"/g, 'name="$1"; filename="blob"')
    open(body.length).end(body)
    expect(await outcome).toBe(2)
  })

  test('whose operations and map begin with a byte order mark is the same', async () => {
    const outcome = received()
    const body = Buffer.from(BODY.toString().replaceAll(/^\{/gm, '\uFEFF{'))
    open(body.length).end(body)
    expect(await outcome).toBe(2)
  })

  describe('that is compressed', () => {
    const send = (body: Buffer, encoding = 'gzip') => {
      const outcome = received()
      open(body.length, { 'content-encoding': encoding }).end(body)
      return outcome
    }

    test('is the same', async () => {
      expect(await send(gzipSync(BODY))).toBe(2)
      expect(await send(brotliCompressSync(BODY), 'br')).toBe(2)
    })

    test('and cut, or not compressed at all, is refused and leaves no file', async () => {
      const whole = gzipSync(BODY)
      for (const body of [whole.subarray(0, -20), whole.subarray(0, 3), BODY]) {
        expect(await send(body)).toMatch(/The body cannot be read/)
        expect(readdirSync(folder)).toEqual([])
      }
      expect(await send(whole, 'compress')).toMatch(/"compress" is not read/)
    })

    test('from more than is taken is refused, be it in its files or around them', async () => {
      const files = BODY.toString().replace('x'.repeat(300), 'x'.repeat(10_000))
      expect(await send(gzipSync(files))).toMatch(/1000 bytes together/)
      const around = Buffer.concat([BODY.subarray(0, -2), Buffer.alloc(40 * 2 ** 20)])
      expect(await send(gzipSync(around))).toMatch(/1000 bytes together/)
      expect(readdirSync(folder)).toEqual([])
    })
  })

  test('whose files have too many bytes together is refused', async () => {
    for (const [maxBytes, result] of [
      [600, 2],
      [599, 'The files of a request may have 599 bytes together (MAX_MODEL_BYTES).'],
    ] as const) {
      store = createUploadStore(folder, limits(maxBytes))
      const outcome = received()
      open(BODY.length).end(BODY)
      expect(await outcome).toBe(result)
    }
  })

  test('may have as many as data sets may, where it is of one', async () => {
    const files = (query: string) =>
      Buffer.from(
        [
          ...part('operations', JSON.stringify({ query, variables: { file: null } })),
          ...part('map', '{"0":["variables.file"]}'),
          ...part('0"; filename="a file', 'x'.repeat(300)),
          '--boundary--',
        ].join('\r\n'),
      )
    const creates =
      'mutation ($file: File!) { made: createDataset(input: { archive: $file }) { __typename } }'
    const imports = 'mutation ($file: File!) { importModel(input: { createDataset: $file }) { __typename } }'
    for (const [models, datasets, query, result] of [
      [200, 300, creates, 1],
      [200, 300, imports, 'The files of a request may have 200 bytes together (MAX_MODEL_BYTES).'],
      [300, 200, creates, 'The files of a request may have 200 bytes together (MAX_DATASET_BYTES).'],
      [300, 200, 'no { GraphQL', 1],
    ] as const) {
      store = createUploadStore(folder, limits(models, datasets))
      const outcome = received()
      const bytes = files(query)
      open(bytes.length).end(bytes)
      expect(await outcome).toBe(result)
    }
  })

  test('that is said to be too long is refused before it is sent', async () => {
    const outcome = received()
    const opened = open(40_000_000)
    expect(await outcome).toMatch(/1000 bytes together/)
    opened.destroy()
  })

  test('has a file that is held until it is let go, and its others not', async () => {
    const { operations, release } = await new Promise<Upload>((resolve, reject) => {
      onRequest = (request) => store.receive(request).then(resolve, reject)
      open(BODY.length).end(BODY)
    })
    const { a } = (operations as { variables: { a: UploadedFile } }).variables
    const [letGo, letGoToo] = [a.hold(), a.hold()]
    await release()
    letGo()
    letGo()
    expect(readdirSync(folder)).toEqual([basename(a.path)])
    letGoToo()
    while (readdirSync(folder).length > 0) await new Promise((resolve) => setImmediate(resolve))
  })

  test('that ends at whatever byte is refused and leaves no file', async () => {
    for (let length = 0; length < BODY.length; length++) {
      const outcome = received()
      open(length).end(BODY.subarray(0, length))
      expect([length, await outcome]).toEqual([length, expect.any(String)])
      expect(readdirSync(folder)).toEqual([])
    }
  })

  test('that ends in a file that was refused is answered with the refusal', async () => {
    const body = part('0"; filename="first', 'x'.repeat(300)).join('\r\n')
    const outcome = received()
    open(body.length).end(body)
    expect(await outcome).toBe('The parts "operations" and "map" must come before the files.')
  })

  test('whose client goes away at whatever byte is refused and leaves no file', async () => {
    for (let length = 0; length < BODY.length; length++) {
      const outcome = received()
      const opened = open(BODY.length)
      opened.write(BODY.subarray(0, length), () => opened.destroy())
      expect([length, await outcome]).toEqual([length, expect.any(String)])
      expect(readdirSync(folder)).toEqual([])
    }
  })

  test('whose client is gone before it is read is refused', async () => {
    const outcome = new Promise<unknown>((resolve) => {
      onRequest = async (request) => {
        await new Promise((closed) => request.on('error', () => {}).once('close', closed))
        await store.receive(request).catch(resolve)
      }
    })
    const opened = open(BODY.length)
    opened.write(BODY.subarray(0, 100), () => opened.destroy())
    expect(await outcome).toMatchObject({ message: 'The request ended in the middle of its body.' })
  })

  test('that is altered at random, in pieces of random lengths, is answered and leaves no file', async () => {
    const random = seededRandom(5)
    const below = (most: number) => Math.floor(most * random())
    for (let i = 0; i < 500; i++) {
      const altered = Buffer.from(BODY)
      for (let alterations = 1 + below(3); alterations > 0; alterations--) {
        altered[below(altered.length)] = below(256)
      }
      const outcome = received()
      const opened = open(altered.length)
      for (let at = 0; at < altered.length; ) {
        const end = at + 1 + below(400)
        opened.write(altered.subarray(at, end))
        at = end
      }
      opened.end()
      expect(['number', 'string']).toContain(typeof (await outcome))
      expect(readdirSync(folder)).toEqual([])
    }
  })
})
