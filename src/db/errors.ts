import { PrismaClientKnownRequestError } from './generated/internal/prismaNamespace.ts'

/** A database that can't be opened, migrated or kept. The message is one line for the person who starts the server. */
export class DatabaseError extends Error {
  override readonly name = 'DatabaseError'
}

/** The first line of what a driver said: messages of engines carry stack traces in the lines after it. */
export function firstLine(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error)
  return message.trim().split('\n', 1)[0] || 'unknown error'
}

/** Whether a row was to name another that is not there, or one that others name was to be deleted. */
export function isBrokenReference(error: unknown): boolean {
  return error instanceof PrismaClientKnownRequestError && error.code === 'P2003'
}

/** Whether the row that was to be changed is not there. */
export function isMissing(error: unknown): boolean {
  return error instanceof PrismaClientKnownRequestError && error.code === 'P2025'
}
