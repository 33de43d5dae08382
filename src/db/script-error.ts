import { DriverAdapterError } from '@prisma/driver-adapter-utils'

/** What PostgreSQL says of an error, as both `pg` and PGlite hand it over. */
interface PostgresError extends Error {
  code: string
  severity: string
  detail?: string
  hint?: string
  column?: string
  /** Where in the script, counted in characters from 1. */
  position?: string
}

/** The error of a script as Prisma knows errors, with the line of the script where PostgreSQL names one. */
export function scriptError(error: unknown, script = ''): unknown {
  if (!isPostgresError(error)) return error
  const line = error.position && script ? script.slice(0, Number(error.position) - 1).split('\n').length : 0
  return new DriverAdapterError({
    kind: 'postgres',
    code: error.code,
    severity: error.severity,
    message: line ? `line ${line}: ${error.message}` : error.message,
    detail: error.detail,
    column: error.column,
    hint: error.hint,
  })
}

function isPostgresError(error: unknown): error is PostgresError {
  return error instanceof Error && 'code' in error && 'severity' in error
}
