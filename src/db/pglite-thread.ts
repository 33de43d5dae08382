/** The thread that the embedded PostgreSQL computes in: started by the server, ends when it is told to close. */
import { parentPort, workerData } from 'node:worker_threads'
import type { SqlDriverAdapter, Transaction } from '@prisma/driver-adapter-utils'
import { closePGlite, type EmbeddedDatabase, openPGlite } from './pglite.ts'
import { pgliteSession } from './pglite-adapter.ts'
import { copyDatabase } from './pglite-copy.ts'
import { type Call, type FromThread, type ThreadData, toPlain } from './pglite-protocol.ts'

const { home, isShort } = workerData as ThreadData
const port = parentPort!
const say = (message: FromThread) => port.postMessage(message)

let database: EmbeddedDatabase
let session: SqlDriverAdapter
const transactions = new Map<number, Transaction>()
let begun = 0

async function run(call: Call): Promise<unknown> {
  const { on } = call
  switch (call.method) {
    case 'queryRaw':
    case 'executeRaw':
      return (on === 0 ? session : transactionOf(on))[call.method](call.query)
    case 'executeScript':
      return session.executeScript(call.script)
    case 'startTransaction': {
      const transaction = await session.startTransaction()
      transactions.set(++begun, transaction)
      return begun
    }
    case 'commit':
    case 'rollback': {
      const transaction = transactionOf(on)
      transactions.delete(on)
      return transaction[call.method]()
    }
    case 'createSavepoint':
    case 'rollbackToSavepoint':
    case 'releaseSavepoint':
      return transactionOf(on)[call.method]!(call.name)
    case 'copy':
      return copyDatabase(home, call.to, call.log)
    case 'close':
      return closePGlite(database)
  }
}

function transactionOf(number: number): Transaction {
  const transaction = transactions.get(number)
  if (transaction === undefined) throw new Error('The transaction has ended.')
  return transaction
}

try {
  database = await openPGlite(home, (short) => Atomics.store(isShort, 0, Number(short)))
  session = await pgliteSession(database)
  port.on('message', (call: Call) => {
    run(call).then(
      (result) => {
        say({ id: call.id, result })
        if (call.method === 'close') port.close()
      },
      (error: unknown) => say({ id: call.id, error: toPlain(error) }),
    )
  })
  say({ opened: true })
} catch (error) {
  say({ opened: false, error: toPlain(error) })
  port.close()
}
