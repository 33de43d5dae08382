import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { type Client, createClient } from 'graphql-ws'
import WebSocket from 'ws'
import { placeDataset, placeTinyDataset, TINY_MODULE } from './dataset-cache.ts'
import { placeMigratedDatabase } from './embedded-database.ts'
import { cancelRuns } from './runs.ts'

const MAIN = resolve(import.meta.dirname, '../../dist/main.js')

// biome-ignore lint/suspicious/noExplicitAny: the shape of a result is that of the query beside it
type Data = any

export interface GraphQLResult {
  data?: Data
  errors?: { message: string; extensions?: { code?: string } }[]
}

/** One line of the server's structured log. */
export interface LogLine {
  msg: string
  [key: string]: unknown
}

/** A real server: `node dist/main.js` on a port of its own, with a data folder of its own. */
export interface TestServer {
  readonly url: string
  readonly pid: number
  readonly dataDir: string
  /** The name of the data set that `startRun` trains on. */
  readonly dataset: string
  /** Runs an operation over HTTP; a result with errors is returned, not thrown. */
  execute(query: string, variables?: Record<string, unknown>): Promise<GraphQLResult>
  /** The same, for operations that must succeed: answers its data. */
  query(query: string, variables?: Record<string, unknown>): Promise<Data>
  /** Every item of a subscription over WebSocket until it completes. */
  subscribe(query: string, variables?: Record<string, unknown>): AsyncIterableIterator<GraphQLResult>
  /** A connection of its own, for tests that cut it. */
  connect(options?: Partial<Parameters<typeof createClient>[0]>): Client
  /** The kind of the engine that it trains and predicts with. */
  engineKind(): Promise<string>
  /** Resolves with the first log line, past or future, that the test accepts. */
  logged(accept: (line: LogLine) => boolean): Promise<LogLine>
  /** Ends the process and waits; SIGTERM unless said otherwise. */
  stop(signal?: NodeJS.Signals): Promise<void>
  /** Sends signals to every process of the server's group, as a terminal does, and answers how the server ended. */
  stopGroup(...signals: NodeJS.Signals[]): Promise<number | NodeJS.Signals>
}

export interface ServerOptions {
  /** An earlier server's folder; else a new one, removed by `stopServers`. */
  dataDir?: string
  env?: NodeJS.ProcessEnv
  /** Done in the data folder before the server starts. */
  before?(dataDir: string): unknown
  /** The data set that is there from the start and that `startRun` trains on: the tiny one when left out. */
  dataset?: 'tiny' | 'cifar10' | false
}

/** A folder without CIFAR-10: whoever asks a server of the tiny data set for the other one is refused, and nothing is fetched. */
const NO_CIFAR10 = import.meta.dirname

const running = new Set<TestServer>()
const folders = new Set<string>()

export async function startServer(options: ServerOptions = {}): Promise<TestServer> {
  const { dataset = 'tiny' } = options
  const dataDir = options.dataDir ?? mkdtempSync(join(tmpdir(), 'vggzoo-test-'))
  folders.add(dataDir)
  if (options.dataDir === undefined) {
    await placeMigratedDatabase(join(dataDir, 'database'))
    if (dataset === 'cifar10') await placeDataset(dataDir)
    if (dataset === 'tiny') await placeTinyDataset(dataDir)
  }
  await options.before?.(dataDir)
  const child = spawnServer({
    DATA_DIR: dataDir,
    ...(dataset === 'tiny' ? { DATASET_SOURCES: TINY_MODULE, CIFAR10_DIR: NO_CIFAR10 } : {}),
    ...options.env,
  })
  const lines: LogLine[] = []
  const waiting = new Set<(line: LogLine) => void>()
  let stderr = ''
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
  })
  createInterface({ input: child.stdout! }).on('line', (text) => {
    const line = JSON.parse(text) as LogLine
    lines.push(line)
    for (const listener of waiting) listener(line)
  })
  const logged = (accept: (line: LogLine) => boolean) =>
    new Promise<LogLine>((resolvePromise, reject) => {
      const found = lines.find(accept)
      if (found !== undefined) return resolvePromise(found)
      const listener = (line: LogLine) => {
        if (!accept(line)) return
        waiting.delete(listener)
        resolvePromise(line)
      }
      waiting.add(listener)
      child.once('exit', (code, signal) =>
        reject(new Error(`the server ended (${code ?? signal}): ${stderr}`)),
      )
    })
  const exited = once(child, 'exit')
  const { url } = (await logged((line) => line.msg === 'vggzoo is ready')) as LogLine & { url: string }

  const connect: TestServer['connect'] = (more = {}) =>
    createClient({
      url: `${url.replace('http', 'ws')}/graphql`,
      webSocketImpl: WebSocket,
      retryAttempts: 0,
      ...more,
    })
  const execute: TestServer['execute'] = async (query, variables) => {
    const response = await fetch(`${url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ query, variables }),
    })
    return (await response.json()) as GraphQLResult
  }
  const server: TestServer = {
    url,
    pid: child.pid!,
    dataDir,
    dataset: dataset || 'cifar10',
    execute,
    async query(query, variables) {
      const { data, errors } = await execute(query, variables)
      if (errors !== undefined) throw new Error(errors.map((error) => error.message).join('; '))
      return data
    },
    async engineKind() {
      return (await server.query('{ system { engine { kind } } }')).system.engine.kind
    },
    subscribe(query, variables) {
      const client = connect()
      const iterator = client.iterate({ query, variables }) as AsyncIterableIterator<GraphQLResult>
      return closing(iterator, () => void client.dispose())
    },
    connect,
    logged,
    async stop(signal = 'SIGTERM') {
      running.delete(server)
      if (child.exitCode === null && child.signalCode === null) child.kill(signal)
      await exited
    },
    async stopGroup(...signals) {
      running.delete(server)
      for (const signal of signals) process.kill(-child.pid!, signal)
      await exited
      return child.exitCode ?? child.signalCode!
    },
  }
  running.add(server)
  return server
}

/** The bare process, for tests of starts that fail; in a process group of its own. */
export function spawnServer(env: NodeJS.ProcessEnv): ChildProcess {
  // Of the database's WebAssembly, what V8 compiles better pays for itself in a minute or so, and a test's server is gone by then.
  return spawn(process.execPath, ['--liftoff-only', MAIN], {
    env: { ...cleanEnvironment(), PORT: '0', ...env },
    detached: true,
    // It ends when this channel does: with the process that started it.
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  })
}

/** Pages of these origins may read the answers of the shared server. */
export const FRIENDS = ['https://friend.example', 'https://page.example'] as const

let shared: Promise<TestServer> | undefined

/**
 * The server that the test files of a process have in common: for those that need no environment of their own and no
 * empty database. It ends with the process.
 */
export function sharedServer(): Promise<TestServer> {
  shared ??= startServer({ env: { ALLOWED_ORIGINS: FRIENDS.join() } }).then(toTheEnd)
  return shared
}

/** A server that `stopServers` leaves alone: it ends with the process. */
export function toTheEnd(server: TestServer): TestServer {
  running.delete(server)
  folders.delete(server.dataDir)
  return server
}

/** Ends every server of this test file, with its folder, and what is still at work on the shared one. For afterAll. */
export async function stopServers(): Promise<void> {
  await Promise.all([...running].map((server) => server.stop()))
  if (shared !== undefined) await cancelRuns(await shared)
  for (const folder of folders) rmSync(folder, { recursive: true, force: true })
  folders.clear()
}

function cleanEnvironment(): NodeJS.ProcessEnv {
  const {
    PORT,
    HOST,
    AUTH,
    DATA_DIR,
    DATABASE_URL,
    ENGINE,
    CIFAR10_DIR,
    DATASET_SOURCES,
    LOG_LEVEL,
    NODE_ENV,
    ...rest
  } = process.env
  return Object.fromEntries(Object.entries(rest).filter(([name]) => !name.startsWith('OTEL_')))
}

/** Passes a stream through and calls `onEnd` when it ends in whatever way. */
function closing<Item>(source: AsyncIterableIterator<Item>, onEnd: () => void): AsyncIterableIterator<Item> {
  return {
    [Symbol.asyncIterator]() {
      return this
    },
    async next() {
      const result = await source.next()
      if (result.done) onEnd()
      return result
    },
    async return() {
      const result = await source.return?.()
      onEnd()
      return result ?? { done: true, value: undefined }
    },
  }
}
