import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { DatabaseError } from './database-error.ts'

export interface Migration {
  /** The folder's name: yyyymmddhhmmss_name. */
  name: string
  sql: string
}

export interface Migrations {
  folder: string
  /** The text of migration_lock.toml; null when there is none. */
  lock: string | null
  /** In the order in which they apply. */
  list: readonly Migration[]
}

/** The same two steps up from src/db and from dist/db. */
export const MIGRATIONS_FOLDER = resolve(import.meta.dirname, '../../prisma/migrations')
export const LOCK_FILE = 'migration_lock.toml'
export const SCRIPT_FILE = 'migration.sql'

/** @throws DatabaseError where a folder has no readable migration.sql */
export function readMigrations(folder: string = MIGRATIONS_FOLDER): Migrations {
  const names = existsSync(folder)
    ? readdirSync(folder, { withFileTypes: true })
        .filter((entry) => entry.isDirectory())
        .map((entry) => entry.name)
        .sort()
    : []
  return {
    folder,
    lock: readIfThere(join(folder, LOCK_FILE)),
    list: names.map((name) => {
      const sql = readIfThere(join(folder, name, SCRIPT_FILE))
      if (sql === null) throw new DatabaseError(`${join(folder, name)} has no ${SCRIPT_FILE}; restore it`)
      return { name, sql }
    }),
  }
}

/**
 * Whether `checksum`, as `_prisma_migrations` keeps it, is that of this script: sha256 in hexadecimal.
 * A checkout may have turned the line ends; Prisma accepts both, and so does this.
 */
export function matchesChecksum(sql: string, checksum: string): boolean {
  const unix = sql.replaceAll('\r\n', '\n')
  return [sql, unix, unix.replaceAll('\n', '\r\n')].some((text) => sha256(text) === checksum)
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}

function readIfThere(file: string): string | null {
  return existsSync(file) ? readFileSync(file, 'utf8') : null
}
