import { once } from 'node:events'
import { dirname, resolve } from 'node:path'
import { Worker } from 'node:worker_threads'
import type {
  SqlDriverAdapter,
  SqlDriverAdapterFactory,
  SqlQuery,
  SqlQueryable,
  Transaction,
} from '@prisma/driver-adapter-utils'
import { StorageFullError } from '../errors.ts'
import { makeFolderDurably } from '../storage/durable.ts'
import { isMakingRoom, type Room, watchRoom } from '../storage/room.ts'
import { DatabaseError, unopened } from './database-error.ts'
import type { LogRange } from './pglite-copy.ts'
import {
  type Answer,
  type Call,
  DiskError,
  type FromThread,
  type Request,
  type ThreadData,
  toError,
} from './pglite-protocol.ts'

/** The embedded PostgreSQL at work in a thread of its own. */
export interface DatabaseThread {
  factory: SqlDriverAdapterFactory
  /** @throws StorageFullError where nothing is to be written but what makes room */
  checkRoom(): void
  /** See copyDatabase. While a transaction is open that has made a checkpoint. */
  copy(to: string, log: LogRange): Promise<void>
  /** Waits for what is queued, shuts the database down, and resolves when the thread has ended. */
  close(): Promise<void>
}

/** Compiled, also for who runs the sources. */
const ENTRY = resolve(import.meta.dirname, '../../dist/db/pglite-thread.js')

/**
 * Opens the embedded PostgreSQL (see openPGlite) in a thread: it computes for milliseconds at a time, while the
 * server's own thread answers whoever asks for something else.
 *
 * When PostgreSQL panics the process ends, with one line on its standard error.
 *
 * @param room  of the disk that the folder is on
 * @throws DatabaseError, or StorageFullError
 */
export async function startDatabaseThread(
  folder: string,
  room: Room = watchRoom(dirname(resolve(folder))),
): Promise<DatabaseThread> {
  const home = resolve(folder)
  const isShort = new Int32Array(new SharedArrayBuffer(4))
  await makeFolderDurably(dirname(home)).catch((error) => {
    throw unopened(home, error)
  })
  room.check()
  const worker = new Worker(ENTRY, { workerData: { home, isShort } satisfies ThreadData })
  const exited = new Promise<void>((done) => worker.once('exit', () => done()))
  const opened = await open(worker)
  if (!opened.opened) {
    await exited
    throw translate(toError(opened.error))
  }

  let closing = false
  worker.on('exit', () => {
    // It has said why.
    if (!closing) process.exit(1)
  })
  worker.on('error', (error) => {
    throw error
  })
  const waiting = new Map<number, { resolve(result: unknown): void; reject(error: unknown): void }>()
  worker.on('message', (answer: Answer) => {
    const asker = waiting.get(answer.id)!
    waiting.delete(answer.id)
    if ('error' in answer) asker.reject(translate(toError(answer.error)))
    else asker.resolve(answer.result)
  })
  let calls = 0
  // What each method answers is what the interface says that it is called by.
  function call<Result>(on: number, request: Request): Promise<Result> {
    return new Promise<unknown>((resolve, reject) => {
      const id = ++calls
      waiting.set(id, { resolve, reject })
      worker.postMessage({ id, on, ...request } satisfies Call)
    }) as Promise<Result>
  }

  function translate(error: unknown): unknown {
    if (!(error instanceof DiskError)) return error
    const { code } = error
    if (code !== null) return room.failed(Object.assign(new Error(code), { code }))
    return new StorageFullError(
      room.problem() ??
        "The disk of DATA_DIR has no room for the database's log. Nothing is written until there is; then everything goes on by itself.",
    )
  }

  /** No statement that writes is sent where there is no room for it; the thread looks at its log besides. */
  function admit({ sql }: SqlQuery): void {
    if (!/\b(INSERT|UPDATE|DELETE)\b/i.test(sql)) return
    // Deleting is a way to make room.
    if (!/^\s*DELETE\b/i.test(sql) && !isMakingRoom()) room.check()
  }

  const info = { provider: 'postgres', adapterName: 'pglite-prisma-adapter' } as const
  const queryable = (on: number): SqlQueryable => ({
    ...info,
    queryRaw: async (query) => {
      admit(query)
      return call(on, { method: 'queryRaw', query })
    },
    executeRaw: async (query) => {
      admit(query)
      return call(on, { method: 'executeRaw', query })
    },
  })
  const session: SqlDriverAdapter = {
    ...queryable(0),
    executeScript: (script) => call(0, { method: 'executeScript', script }),
    startTransaction: async () => {
      const on = await call<number>(0, { method: 'startTransaction' })
      return {
        ...queryable(on),
        options: { usePhantomQuery: true },
        commit: () => call(on, { method: 'commit' }),
        rollback: () => call(on, { method: 'rollback' }),
        createSavepoint: (name) => call(on, { method: 'createSavepoint', name }),
        rollbackToSavepoint: (name) => call(on, { method: 'rollbackToSavepoint', name }),
        releaseSavepoint: (name) => call(on, { method: 'releaseSavepoint', name }),
      } satisfies Transaction
    },
    getConnectionInfo: () => ({ supportsRelationJoins: true }),
    dispose: async () => {},
  }

  return {
    factory: { ...info, connect: async () => session },
    checkRoom() {
      if (Atomics.load(isShort, 0) !== 0) throw translate(new DiskError(null))
      room.check()
    },
    copy: (to, log) => call(0, { method: 'copy', to, log }),
    async close() {
      if (closing) return exited
      closing = true
      // A database that cannot be shut down ends its thread without an answer.
      await Promise.race([call(0, { method: 'close' }), exited])
      await exited
    },
  }
}

/** The first that the thread says. */
async function open(worker: Worker): Promise<Extract<FromThread, { opened: boolean }>> {
  const [message] = await Promise.race([
    once(worker, 'message'),
    once(worker, 'exit').then(([code]) => {
      throw new DatabaseError(`the thread of the embedded database ended with ${code} before it was open`)
    }),
  ])
  return message
}
