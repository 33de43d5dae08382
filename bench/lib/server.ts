import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { createClient } from 'graphql-ws'
import WebSocket from 'ws'
import { SERVER } from './compiled.ts'
import { placeDataset } from './dataset.ts'
import type { Rehearsal } from './rehearsal.ts'

// biome-ignore lint/suspicious/noExplicitAny: the shape of a result is that of the query beside it
export type Data = any

/** A real server, and GraphQL as any program would speak it. */
export interface BenchServer {
  readonly url: string
  readonly pid: number
  /** The data of an operation; its errors are thrown. */
  query(query: string, variables?: Record<string, unknown>): Promise<Data>
  /** The data of each item until the stream completes. */
  watch(query: string, variables?: Record<string, unknown>): AsyncGenerator<Data, void>
  stop(): Promise<void>
}

interface Options {
  /** Where a database is already; else a new folder, which goes with the server. */
  dataDir?: string
  /** Whether it has CIFAR-10 at once. */
  dataset: boolean
  /** Its trainers train nothing, and say what trainers say. */
  rehearsal?: Rehearsal
  env?: NodeJS.ProcessEnv
  /** What its clients send where it wants to know who asks. */
  token?: string
}

/** As many as a server takes. */
const MAX_RUNS = 64

/** Starts a server with the engine of ENGINE, or the fastest, and ends it when the work with it is done. */
export async function withServer(
  { dataDir, dataset, rehearsal, env, token }: Options,
  work: (server: BenchServer) => Promise<void>,
): Promise<void> {
  const folder = dataDir ?? (await mkdtemp(join(tmpdir(), 'vggzoo-bench-')))
  try {
    if (dataset) await placeDataset(folder)
    const server = await startServer(folder, rehearsal, env, token)
    try {
      await work(server)
    } finally {
      await server.stop()
    }
  } finally {
    if (dataDir === undefined) await rm(folder, { recursive: true, force: true })
  }
}

async function startServer(
  dataDir: string,
  rehearsal?: Rehearsal,
  more: NodeJS.ProcessEnv = {},
  token?: string,
): Promise<BenchServer> {
  const { DATABASE_URL, HOST, NODE_ENV, ...environment } = process.env
  const usual = { ...environment, PORT: '0', DATA_DIR: dataDir, LOG_LEVEL: 'info', ...more }
  const [entry, env] =
    rehearsal === undefined
      ? [fileURLToPath(SERVER), usual]
      : [await compiledRehearsal(), { ...usual, ...rehearsing(rehearsal), NODE_ENV: 'production' }]
  const child = spawn(process.execPath, [entry], {
    env,
    // It ends when this channel does: with the bench, however that ends.
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  })
  const exited = once(child, 'exit')
  let complained = ''
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    complained = `${complained}${text}`.slice(-2000)
  })
  const ready = new Promise<string>((resolve) => {
    createInterface({ input: child.stdout! }).on('line', (line) => {
      const { msg, url } = JSON.parse(line) as { msg: string; url?: string }
      if (msg === 'vggzoo is ready' && url !== undefined) resolve(url)
    })
  })
  const url = await Promise.race([ready, exited.then(() => null)])
  if (url === null) throw new Error(complained.trim() || 'The server ended before it was ready.')
  const known: Record<string, string> = token === undefined ? {} : { authorization: `Bearer ${token}` }
  return {
    url,
    pid: child.pid!,
    async query(query, variables) {
      const response = await fetch(`${url}/graphql`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...known },
        body: JSON.stringify({ query, variables }),
      })
      return dataOf((await response.json()) as Result)
    },
    async *watch(query, variables) {
      const client = createClient({
        url: `${url.replace('http', 'ws')}/graphql`,
        webSocketImpl: WebSocket,
        retryAttempts: 0,
        connectionParams: known,
      })
      try {
        for await (const result of client.iterate({ query, variables })) yield dataOf(result as Result)
      } finally {
        await client.dispose()
      }
    },
    async stop() {
      child.kill()
      await exited
    },
  }
}

/** Loads the compiler only for who needs it. */
async function compiledRehearsal(): Promise<string> {
  const { compileProcess } = await import('./compile.ts')
  return compileProcess('rehearsal-server.ts')
}

function rehearsing(rehearsal: Rehearsal): NodeJS.ProcessEnv {
  return { REHEARSAL: JSON.stringify(rehearsal), MAX_CONCURRENT_RUNS: String(MAX_RUNS), ENGINE: 'cpu' }
}

interface Result {
  data?: Data
  errors?: readonly { message: string }[]
}

function dataOf({ data, errors }: Result): Data {
  if (errors !== undefined) throw new Error(errors.map(({ message }) => message).join('; '))
  return data
}
