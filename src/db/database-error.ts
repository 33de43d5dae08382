import { folderFailure } from '../storage/data-folder.ts'

/** A database that can't be opened, migrated or kept. The message is one line for the person who starts the server. */
export class DatabaseError extends Error {
  override readonly name = 'DatabaseError'
}

/** What a person is told of an embedded database that can't be opened. */
export function unopened(home: string, error: unknown): DatabaseError {
  const known = folderFailure(error)
  const why =
    known ?? `${firstLine(error)}. If its files are damaged, move that folder away to start with an empty one`
  return new DatabaseError(`can't open the embedded database in ${home}: ${why}`, { cause: error })
}

/** The first line of what a driver said: messages of engines carry stack traces in the lines after it. */
export function firstLine(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error)
  return message.trim().split('\n', 1)[0] || 'unknown error'
}
