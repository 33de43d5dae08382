import type { SqlDriverAdapter } from '@prisma/driver-adapter-utils'
import { DatabaseError, firstLine } from './database-error.ts'
import { type Migration, type Migrations, matchesChecksum, readMigrations } from './migrations.ts'
import { EVERYTHING, engineList, openSchemaEngine } from './schema-engine.ts'

/** The key Prisma's schema engine takes for itself: a `prisma migrate` run beside this one waits as well. */
const LOCK_KEY = 72707369
const LOCK_TIMEOUT = '60s'

interface Row {
  name: string
  checksum: string
  finished: boolean
  rolledBack: boolean
}

/**
 * Brings a database to the newest migration, and records each one in `_prisma_migrations` as Prisma does.
 * Every migration is one transaction together with its record: it is there wholly or not at all, so a kill
 * in the middle leaves nothing to repair. (A script that PostgreSQL refuses inside a transaction, such as
 * CREATE INDEX CONCURRENTLY, can't be a migration.) Where nothing is to be done the engine is not loaded.
 *
 * @param session one connection that nobody else uses meanwhile
 * @returns the names of the migrations that were applied
 * @throws DatabaseError when a migration fails, failed before, was edited after it was applied, or is not known here
 */
export async function migrate(session: SqlDriverAdapter, folder?: string): Promise<string[]> {
  const migrations = readMigrations(folder)
  if (migrations.list.length === 0) {
    throw new DatabaseError(`no migrations in ${migrations.folder}; the installation is incomplete`)
  }
  if (pendingOf(migrations, await readRows(session)).length === 0) return []

  await lock(session)
  // Another server may have done it while this one waited.
  const rows = await readRows(session)
  const pending = pendingOf(migrations, rows)
  if (pending.length > 0) await apply(session, migrations, pending)
  // Read again: had the connection been lost on the way, the session would now be a fresh one outside the transaction.
  const left = pendingOf(migrations, await readRows(session))
  if (left.length > 0) throw new DatabaseError(`migration ${left[0]!.name} was not recorded; start again`)
  return pending.map(({ name }) => name)
}

async function apply(session: SqlDriverAdapter, migrations: Migrations, pending: Migration[]): Promise<void> {
  let refused: unknown
  const watched: SqlDriverAdapter = {
    ...session,
    // The engine's own message says less than PostgreSQL's, and it is lost in the aborted transaction.
    executeScript: (script) =>
      session.executeScript(script).catch((error) => {
        refused ??= error
        throw error
      }),
  }
  const engine = await openSchemaEngine(watched)
  try {
    for (const migration of pending) {
      const upToHere = migrations.list.filter(
        (other) => !pending.includes(other) || other.name <= migration.name,
      )
      refused = undefined
      await session.executeScript('BEGIN')
      try {
        await engine.applyMigrations({
          migrationsList: engineList(migrations, upToHere),
          filters: EVERYTHING,
        })
        await session.executeScript('COMMIT')
      } catch (error) {
        await session.executeScript('ROLLBACK').catch(() => {})
        throw failed(migration, refused, error)
      }
    }
  } finally {
    engine.free()
  }
}

function failed(migration: Migration, refused: unknown, error: unknown): DatabaseError {
  if (refused) {
    return new DatabaseError(
      `migration ${migration.name} failed: ${firstLine(refused)}. Nothing of it was kept; the database is as it was before`,
      { cause: refused },
    )
  }
  const reason = firstLine(error)
  return new DatabaseError(
    /schema is not empty/.test(reason)
      ? 'the database has tables but no record of migrations, so it is not one of vggzoo; use an empty database'
      : `migration ${migration.name} could not be applied: ${reason}`,
    { cause: error },
  )
}

/** What is on disk but not in the database, once the two agree on all else. */
function pendingOf(migrations: Migrations, rows: Row[]): Migration[] {
  const standing = rows.filter((row) => !row.rolledBack)
  const broken = standing.find((row) => !row.finished)
  if (broken) {
    throw new DatabaseError(
      `migration ${broken.name} was left unfinished in this database; repair it and mark it with \`prisma migrate resolve\``,
    )
  }
  const known = new Map(migrations.list.map((migration) => [migration.name, migration]))
  for (const { name, checksum } of standing) {
    const migration = known.get(name)
    if (!migration) {
      throw new DatabaseError(
        `the database has migration ${name}, which this version does not know; use the version that made it, or a newer one`,
      )
    }
    if (!matchesChecksum(migration.sql, checksum)) {
      throw new DatabaseError(
        `migration ${name} was edited after it was applied to this database; restore its ${migrations.folder} file and put the change into a new migration`,
      )
    }
  }
  const applied = new Set(standing.map((row) => row.name))
  return migrations.list.filter(({ name }) => !applied.has(name))
}

async function readRows(session: SqlDriverAdapter): Promise<Row[]> {
  const [[table]] = (await select(session, `SELECT to_regclass('public._prisma_migrations')::text`)) as [
    [string],
  ]
  if (!table) return []
  const rows = await select(
    session,
    `SELECT migration_name, checksum, finished_at IS NOT NULL, rolled_back_at IS NOT NULL
     FROM public._prisma_migrations ORDER BY started_at`,
  )
  return (rows as [string, string, boolean, boolean][]).map(([name, checksum, finished, rolledBack]) => ({
    name,
    checksum,
    finished,
    rolledBack,
  }))
}

/** Held until the session ends; the engine takes it once more in the same session, which is free. */
async function lock(session: SqlDriverAdapter): Promise<void> {
  try {
    await session.executeScript(`SET lock_timeout = '${LOCK_TIMEOUT}'; SELECT pg_advisory_lock(${LOCK_KEY})`)
  } catch (error) {
    throw new DatabaseError(
      `another server has been migrating this database for ${LOCK_TIMEOUT}: ${firstLine(error)}; start again when it is done`,
      { cause: error },
    )
  }
}

async function select(session: SqlDriverAdapter, sql: string): Promise<unknown[][]> {
  return (await session.queryRaw({ sql, args: [], argTypes: [] })).rows
}
