import { DriverAdapterError, isDriverAdapterError, type SqlQuery } from '@prisma/driver-adapter-utils'
import { DatabaseError } from './database-error.ts'
import type { LogRange } from './pglite-copy.ts'

/** What the thread of the embedded PostgreSQL gets when it starts. */
export interface ThreadData {
  /** The folder of the database. */
  home: string
  /** One number, not zero while the disk has no room for the log: see WriteAheadLog.isShort. */
  isShort: Int32Array
}

/** One call of a method of the session, of one of its transactions, or of the database itself. */
export type Request =
  | { method: 'queryRaw' | 'executeRaw'; query: SqlQuery }
  | { method: 'executeScript'; script: string }
  | { method: 'startTransaction' | 'commit' | 'rollback' | 'close' }
  | { method: 'copy'; to: string; log: LogRange }
  | { method: 'createSavepoint' | 'rollbackToSavepoint' | 'releaseSavepoint'; name: string }

export type Call = Request & {
  id: number
  /** The transaction; 0 is the session itself. */
  on: number
}

/** The answer to a call; that to `startTransaction` is the number of the transaction. */
export type Answer = { id: number; result: unknown } | { id: number; error: PlainError }

/** That the database is open, or why it can't be; then answers. */
export type FromThread = { opened: true } | { opened: false; error: PlainError } | Answer

/** The disk took no more of it; `code` is its answer (ENOSPC), null where nothing was tried: the log has no room. */
export class DiskError extends Error {
  override readonly name = 'DiskError'
  readonly code: string | null

  constructor(code: string | null) {
    super(code ?? 'no room for the log')
    this.code = code
  }
}

/** An error as plain data: a thread's classes do not arrive in another. */
export type PlainError =
  | { of: 'adapter'; cause: DriverAdapterError['cause'] }
  | { of: 'disk'; code: string | null }
  | { of: 'database'; message: string }
  | { of: 'javascript'; name: string; message: string; stack: string | undefined }

export function toPlain(error: unknown): PlainError {
  // Not by its class, of which there may be two.
  if (isDriverAdapterError(error)) return { of: 'adapter', cause: error.cause }
  if (error instanceof DiskError) return { of: 'disk', code: error.code }
  if (error instanceof DatabaseError) return { of: 'database', message: error.message }
  const { name, message, stack } = error instanceof Error ? error : new Error(String(error))
  return { of: 'javascript', name, message, stack }
}

export function toError(plain: PlainError): Error {
  switch (plain.of) {
    case 'adapter':
      return new DriverAdapterError(plain.cause)
    case 'disk':
      return new DiskError(plain.code)
    case 'database':
      return new DatabaseError(plain.message)
    case 'javascript': {
      const error = Object.assign(new Error(plain.message), { name: plain.name })
      if (plain.stack !== undefined) error.stack = plain.stack
      return error
    }
  }
}
