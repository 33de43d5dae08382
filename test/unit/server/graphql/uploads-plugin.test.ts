import { once } from 'node:events'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { type ClientRequest, createServer, request, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pino } from 'pino'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { LOCAL_VIEWER } from '../../../../src/access/viewer.ts'
import { NO_TELEMETRY } from '../../../../src/adapters/local/telemetry.ts'
import { NO_TRACING } from '../../../../src/adapters/local/tracing.ts'
import { NotFoundError } from '../../../../src/errors.ts'
import type { Context } from '../../../../src/schema/builder/context.ts'
import { OPEN_GATE } from '../../../../src/server/access/gate.ts'
import { createLargeBodies } from '../../../../src/server/body.ts'
import { createDocumentCache } from '../../../../src/server/graphql/document-cache.ts'
import { createUploadHandler } from '../../../../src/server/graphql/graphql.ts'
import { MAX_BODY_BYTES } from '../../../../src/server/graphql/limits.ts'
import { createUploadLimits } from '../../../../src/server/upload-limits.ts'
import { createUploadStore } from '../../../../src/server/upload-store.ts'
import type { UploadedFile } from '../../../../src/uploads.ts'
import { uploadsGone } from '../../../support/upload.ts'

const IMPORT = `mutation ($file: File!) {
  importModel(input: { name: "m", architecture: "a", weights: { safetensors: $file } }) {
    ... on Error { message }
  }
}`

let folder: string
let server: Server
let logged: string
/** What importing does with its file. */
let work: (file: UploadedFile) => Promise<string>

beforeEach(async () => {
  folder = join(mkdtempSync(join(tmpdir(), 'vggzoo-uploads-')), 'uploads')
  logged = ''
  const write = (line: string) => {
    logged += line
  }
  const models = {
    import: async ({ weights }: { weights: { safetensors: UploadedFile } }) => {
      throw new NotFoundError(await work(weights.safetensors))
    },
  }
  const handler = createUploadHandler(
    {
      gate: OPEN_GATE,
      contextOf: () => ({ models, viewer: LOCAL_VIEWER, audit: { record() {} } }) as unknown as Context,
      addressOf: () => '127.0.0.1',
      allowedOrigins: [],
      logger: pino({ level: 'error' }, { write }),
      telemetry: NO_TELEMETRY,
      tracing: NO_TRACING,
      documents: createDocumentCache(),
      largeBodies: createLargeBodies(MAX_BODY_BYTES),
    },
    createUploadStore(folder, createUploadLimits({ maxModelBytes: 1000, maxDatasetBytes: 1000 })),
  )
  server = createServer(handler)
  await once(server.listen(0, '127.0.0.1'), 'listening')
})
afterEach(async () => {
  server.closeAllConnections()
  await new Promise((resolve) => server.close(resolve))
  rmSync(join(folder, '..'), { recursive: true, force: true })
})

/** Sends the mutation; its variables, or a file for the only one of them. */
function send(variables: object, file?: string): ClientRequest {
  const form = [
    ['operations', JSON.stringify({ query: IMPORT, variables })],
    ['map', file === undefined ? '{}' : '{"0":["variables.file"]}'],
    ...(file === undefined ? [] : [['0"; filename="weights', file]]),
  ]
  const parts = form.map(
    ([name, value]) => `--b\r\ncontent-disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`,
  )
  const { port } = server.address() as AddressInfo
  const headers = { 'content-type': 'multipart/form-data; boundary=b', 'x-graphql-yoga-csrf': '1' }
  const sent = request({ host: '127.0.0.1', port, path: '/graphql', method: 'POST', headers })
  sent.on('error', () => {}).end(`${parts.join('')}--b--\r\n`)
  return sent
}

async function answer(sent: ClientRequest): Promise<unknown> {
  const [response] = await once(sent, 'response')
  let text = ''
  for await (const chunk of response) text += chunk
  return JSON.parse(text)
}

test('a file is there for the operation, and gone when the answer is', async () => {
  work = async (file) =>
    `${file.name} ${file.size} ${await readFile(file.path, 'utf8')} ${readdirSync(folder).length}`
  expect(await answer(send({ file: null }, 'abc'))).toEqual({
    data: { importModel: { message: 'weights 3 abc 1' } },
  })
  expect(readdirSync(folder)).toEqual([])
})

test('an operation whose client went away before it read its file still finds it, and then it is gone', async () => {
  const gone = new Promise((resolve) => {
    server.once('request', (_request, response) => response.once('close', resolve))
  })
  const found = new Promise<unknown>((resolve, reject) => {
    work = async (file) => {
      left.destroy()
      await gone
      // The server has done all that it does about a client that left when it has answered the next one.
      work = async () => ''
      await answer(send({ file: null }, 'other'))
      readFile(file.path, 'utf8').then(resolve, reject)
      return ''
    }
  })
  const left = send({ file: null }, 'abc')
  expect(await found).toBe('abc')
  await uploadsGone({ dataDir: join(folder, '..') })
  expect(logged).toBe('')
})

test('an object that looks like a file is none: no path of the server can be named', async () => {
  work = async () => expect.unreachable()
  const forged = { name: 'passwd', size: 3, path: '/etc/passwd', '#path': '/etc/passwd' }
  expect(await answer(send({ file: forged }))).toMatchObject({
    errors: [{ message: expect.stringMatching(/multipart/), extensions: { code: 'BAD_USER_INPUT' } }],
  })
})
