import type { PGlite } from '@electric-sql/pglite'
import type {
  SqlDriverAdapter,
  SqlDriverAdapterFactory,
  SqlQuery,
  SqlQueryable,
  Transaction,
} from '@prisma/driver-adapter-utils'
import { PrismaPGlite } from 'pglite-prisma-adapter'
import { createBreath } from '../concurrency/breath.ts'
import { StorageFullError } from '../errors.ts'
import { isMakingRoom } from '../storage/room.ts'
import type { EmbeddedDatabase } from './pglite.ts'
import { scriptError } from './script-error.ts'

/** PostgreSQL computes within this process: so long may statement follow statement while requests wait to be read. */
const BREATH_MS = 10
const breathe = createBreath(BREATH_MS)

/**
 * pglite-prisma-adapter 0.7.2 for Prisma, with these put right:
 * - its commit() resolves even when COMMIT failed, so a lost transaction would count as committed;
 * - its executeScript() doesn't wait, so a failing script becomes an unhandled rejection;
 * - it sends SET TRANSACTION outside the transaction; a database of one session has nothing to isolate;
 * - it lacks savepoints, which nested transactions need.
 */
export function pgliteFactory(database: EmbeddedDatabase): SqlDriverAdapterFactory {
  return {
    provider: 'postgres',
    adapterName: 'pglite-prisma-adapter',
    connect: () => pgliteSession(database),
  }
}

export async function pgliteSession(database: EmbeddedDatabase): Promise<SqlDriverAdapter> {
  const { pg, wal } = database
  const adapter = await new PrismaPGlite(pg).connect()
  const guarded = guard(adapter, database)
  return {
    provider: adapter.provider,
    adapterName: adapter.adapterName,
    queryRaw: (query) => guarded.queryRaw(query).finally(wal.executed),
    executeRaw: (query) => guarded.executeRaw(query).finally(wal.executed),
    executeScript: async (script) => {
      await pg.exec(script).catch((error) => {
        throw diskError(database) ?? scriptError(error, script)
      })
    },
    startTransaction: () => startTransaction(database),
    getConnectionInfo: () => ({ supportsRelationJoins: true }),
    dispose: async () => {},
  }
}

/** No statement that writes begins when there is no room for it, and one that met a full disk says so. */
function guard(
  queryable: Pick<SqlQueryable, 'queryRaw' | 'executeRaw'>,
  database: EmbeddedDatabase,
): Pick<SqlQueryable, 'queryRaw' | 'executeRaw'> {
  async function run<Result>(query: SqlQuery, execute: (query: SqlQuery) => Promise<Result>) {
    await breathe()
    admit(query.sql, database)
    // Of a statement before it, that failed in PostgreSQL's eyes for another reason or not at all.
    database.guard.takeFailure()
    return execute(query).catch((error) => {
      throw diskError(database) ?? error
    })
  }
  return {
    queryRaw: (query) => run(query, (it) => queryable.queryRaw(it)),
    executeRaw: (query) => run(query, (it) => queryable.executeRaw(it)),
  }
}

/** @throws StorageFullError */
function admit(sql: string, database: EmbeddedDatabase): void {
  if (!/\b(INSERT|UPDATE|DELETE)\b/i.test(sql)) return
  // Deleting is a way to make room.
  if (/^\s*DELETE\b/i.test(sql) || isMakingRoom()) checkWal(database)
  else checkRoom(database)
}

/** @throws StorageFullError where nothing can be written, not even what makes room */
function checkWal({ wal, room }: EmbeddedDatabase): void {
  if (!wal.isShort) return
  room.check()
  throw new StorageFullError(
    "The disk of DATA_DIR has no room for the database's log. Nothing is written until there is; then everything goes on by itself.",
  )
}

/** @throws StorageFullError where nothing is to be written but what makes room */
export function checkRoom(database: EmbeddedDatabase): void {
  checkWal(database)
  database.room.check()
}

function diskError({ guard, room }: EmbeddedDatabase): unknown {
  const code = guard.takeFailure()
  return code === null ? null : room.failed(Object.assign(new Error(code), { code }))
}

async function startTransaction(database: EmbeddedDatabase): Promise<Transaction> {
  const { pg, wal } = database
  let failure: { error: unknown } | undefined
  // A client for this one transaction, so that the outcome of its COMMIT is seen.
  const client: Pick<PGlite, 'transaction'> = {
    transaction(run) {
      const outcome = pg.transaction(run)
      outcome.catch((error) => {
        failure = { error }
      })
      return outcome
    },
  }
  const adapter = await new PrismaPGlite(client as PGlite).connect()
  const transaction = await adapter.startTransaction()
  const guarded = guard(transaction, database)
  const execute = async (sql: string) => {
    await transaction.executeRaw({ sql, args: [], argTypes: [] })
  }
  return {
    provider: transaction.provider,
    adapterName: transaction.adapterName,
    options: transaction.options,
    queryRaw: guarded.queryRaw,
    executeRaw: guarded.executeRaw,
    commit: async () => {
      await transaction.commit()
      if (failure) throw diskError(database) ?? scriptError(failure.error)
      wal.executed()
    },
    rollback: () => transaction.rollback().finally(wal.executed),
    createSavepoint: (name) => execute(`SAVEPOINT ${name}`),
    rollbackToSavepoint: (name) => execute(`ROLLBACK TO SAVEPOINT ${name}`),
    releaseSavepoint: (name) => execute(`RELEASE SAVEPOINT ${name}`),
  }
}
