import type {
  SqlDriverAdapter,
  SqlDriverAdapterFactory,
  SqlQueryable,
  Transaction,
} from '@prisma/driver-adapter-utils'
import { StoppingError } from '../errors.ts'

/**
 * Connections that ask a database nothing more once it is another's: every query fails with StoppingError then, and those
 * under way do when they fail. A transaction that is open may still end.
 * @param lost  aborts when this process has no claim on the database any more
 */
export function fenced(factory: SqlDriverAdapterFactory, lost: AbortSignal): SqlDriverAdapterFactory {
  const { provider, adapterName } = factory

  function check(): void {
    if (lost.aborted) throw new StoppingError()
  }

  async function told<Result>(answer: Promise<Result>): Promise<Result> {
    try {
      return await answer
    } catch (error) {
      check()
      throw error
    }
  }

  function queries(on: SqlQueryable): Pick<SqlQueryable, 'queryRaw' | 'executeRaw'> {
    return {
      queryRaw: (query) => told(on.queryRaw(query)),
      executeRaw: (query) => told(on.executeRaw(query)),
    }
  }

  function transaction(open: Transaction): Transaction {
    const { options } = open
    return {
      provider,
      adapterName,
      options,
      ...queries(open),
      commit: () => told(open.commit()),
      rollback: () => open.rollback(),
      createSavepoint: open.createSavepoint?.bind(open),
      rollbackToSavepoint: open.rollbackToSavepoint?.bind(open),
      releaseSavepoint: open.releaseSavepoint?.bind(open),
    }
  }

  function session(adapter: SqlDriverAdapter): SqlDriverAdapter {
    const { queryRaw, executeRaw } = queries(adapter)
    return {
      provider,
      adapterName,
      async queryRaw(query) {
        check()
        return queryRaw(query)
      },
      async executeRaw(query) {
        check()
        return executeRaw(query)
      },
      async executeScript(script) {
        check()
        return told(adapter.executeScript(script))
      },
      async startTransaction(level) {
        check()
        return transaction(await told(adapter.startTransaction(level)))
      },
      getConnectionInfo: adapter.getConnectionInfo?.bind(adapter),
      dispose: () => adapter.dispose(),
    }
  }

  return { provider, adapterName, connect: async () => session(await told(factory.connect())) }
}
