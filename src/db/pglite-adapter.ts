import type { PGlite } from '@electric-sql/pglite'
import type { SqlDriverAdapter, SqlQuery, SqlQueryable, Transaction } from '@prisma/driver-adapter-utils'
import { PrismaPGlite } from 'pglite-prisma-adapter'
import type { EmbeddedDatabase } from './pglite.ts'
import { DiskError } from './pglite-protocol.ts'
import { scriptError } from './script-error.ts'

/**
 * pglite-prisma-adapter 0.7.2 for Prisma, with these put right:
 * - its commit() resolves even when COMMIT failed, so a lost transaction would count as committed;
 * - its executeScript() doesn't wait, so a failing script becomes an unhandled rejection;
 * - it sends SET TRANSACTION outside the transaction; a database of one session has nothing to isolate;
 * - it lacks savepoints, which nested transactions need.
 */
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
    if (database.wal.isShort && /\b(INSERT|UPDATE|DELETE)\b/i.test(query.sql)) throw new DiskError(null)
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

/** That the disk is why a statement failed, or null. */
function diskError({ guard }: EmbeddedDatabase): DiskError | null {
  const code = guard.takeFailure()
  return code === null ? null : new DiskError(code)
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
