import type { PGlite } from '@electric-sql/pglite'
import type { SqlDriverAdapter, SqlDriverAdapterFactory, Transaction } from '@prisma/driver-adapter-utils'
import { PrismaPGlite } from 'pglite-prisma-adapter'
import { scriptError } from './script-error.ts'
import { keepLogShort } from './write-ahead-log.ts'

/**
 * pglite-prisma-adapter 0.7.2 for Prisma, with these put right:
 * - its commit() resolves even when COMMIT failed, so a lost transaction would count as committed;
 * - its executeScript() doesn't wait, so a failing script becomes an unhandled rejection;
 * - it sends SET TRANSACTION outside the transaction; a database of one session has nothing to isolate;
 * - it lacks savepoints, which nested transactions need.
 */
export function pgliteFactory(pg: PGlite): SqlDriverAdapterFactory {
  return { provider: 'postgres', adapterName: 'pglite-prisma-adapter', connect: () => pgliteSession(pg) }
}

export async function pgliteSession(pg: PGlite): Promise<SqlDriverAdapter> {
  const adapter = await new PrismaPGlite(pg).connect()
  const executed = keepLogShort(pg)
  return {
    provider: adapter.provider,
    adapterName: adapter.adapterName,
    queryRaw: (query) => adapter.queryRaw(query).finally(executed),
    executeRaw: (query) => adapter.executeRaw(query).finally(executed),
    executeScript: async (script) => {
      await pg.exec(script).catch((error) => {
        throw scriptError(error, script)
      })
    },
    startTransaction: () => startTransaction(pg, executed),
    getConnectionInfo: () => ({ supportsRelationJoins: true }),
    dispose: async () => {},
  }
}

async function startTransaction(pg: PGlite, committed: () => void): Promise<Transaction> {
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
  const execute = async (sql: string) => {
    await transaction.executeRaw({ sql, args: [], argTypes: [] })
  }
  return {
    provider: transaction.provider,
    adapterName: transaction.adapterName,
    options: transaction.options,
    queryRaw: (query) => transaction.queryRaw(query),
    executeRaw: (query) => transaction.executeRaw(query),
    commit: async () => {
      await transaction.commit()
      if (failure) throw scriptError(failure.error)
      committed()
    },
    rollback: () => transaction.rollback(),
    createSavepoint: (name) => execute(`SAVEPOINT ${name}`),
    rollbackToSavepoint: (name) => execute(`ROLLBACK TO SAVEPOINT ${name}`),
    releaseSavepoint: (name) => execute(`RELEASE SAVEPOINT ${name}`),
  }
}
