import { StorageFullError } from '../errors.ts'
import {
  PrismaClientInitializationError,
  PrismaClientKnownRequestError,
} from './generated/internal/prismaNamespace.ts'

/** Whether a row was to name another that is not there, or one that others name was to be deleted. */
export function isBrokenReference(error: unknown): boolean {
  return error instanceof PrismaClientKnownRequestError && error.code === 'P2003'
}

/** Whether the row that was to be changed is not there. */
export function isMissing(error: unknown): boolean {
  return error instanceof PrismaClientKnownRequestError && error.code === 'P2025'
}

/** Whether a row is there already that was to be written. */
export function isDuplicate(error: unknown): boolean {
  return (
    error instanceof PrismaClientKnownRequestError &&
    (error.code === 'P2002' || sqlStateOf(error) === '23505')
  )
}

/** Prisma's codes for a server that is not reached, that closes its connections, or that has none left. */
const UNREACHED = ['P1001', 'P1002', 'P1008', 'P1017', 'P2024', 'P2028', 'P2034', 'P2037']
/** PostgreSQL's classes (appendix A): connections, rolled back for another's sake, no resources, an operator, the system. */
const UNREADY = /^(08|40|53|57|58)/
const BROKEN_CONNECTION =
  /ECONNREFUSED|ECONNRESET|EPIPE|ETIMEDOUT|Connection terminated|not queryable|Can't reach/

/** Whether the same write may succeed later: nothing is wrong with it, but with the disk or the database's server. */
export function isTransient(error: unknown): boolean {
  if (error instanceof StorageFullError || error instanceof PrismaClientInitializationError) return true
  if (error instanceof PrismaClientKnownRequestError) {
    return UNREACHED.includes(error.code) || UNREADY.test(sqlStateOf(error))
  }
  return error instanceof Error && BROKEN_CONNECTION.test(error.message)
}

/** PostgreSQL's code of an error that Prisma has no code for; '' where it has one. */
function sqlStateOf({ message }: Error): string {
  return /Code: `(\w{5})`/.exec(message)?.[1] ?? ''
}
