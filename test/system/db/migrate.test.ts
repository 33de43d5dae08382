import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { SqlDriverAdapter } from '@prisma/driver-adapter-utils'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { openDatabase } from '../../../src/db/client.ts'
import { migrate } from '../../../src/db/migrate.ts'
import { readMigrations } from '../../../src/db/migrations.ts'
import { closePGlite, openPGlite } from '../../../src/db/pglite.ts'
import { pgliteSession } from '../../../src/db/pglite-adapter.ts'
import { postgresSession } from '../../../src/db/postgres.ts'
import { EVERYTHING, engineList, openSchemaEngine } from '../../../src/db/schema-engine.ts'
import { type Postgres, postgresAvailable, startPostgres } from '../../support/postgres.ts'
import { embeddedFolder, temporaryFolder } from './support.ts'

const FIRST = { name: '20260101000000_first', sql: 'CREATE TABLE a (id int PRIMARY KEY);\n' }
const SECOND = { name: '20260102000000_second', sql: 'CREATE TABLE b (id int PRIMARY KEY);\n' }

/** A migrations folder with these scripts. */
function folderOf(...migrations: { name: string; sql: string }[]): string {
  const folder = temporaryFolder()
  writeFileSync(join(folder, 'migration_lock.toml'), 'provider = "postgresql"\n')
  for (const { name, sql } of migrations) {
    mkdirSync(join(folder, name))
    writeFileSync(join(folder, name, 'migration.sql'), sql)
  }
  return folder
}

let postgres: Postgres
beforeAll(async () => {
  if (postgresAvailable()) postgres = await startPostgres()
})
afterAll(() => postgres?.stop())

const kinds = [
  {
    kind: 'pglite',
    available: true,
    async start() {
      const pg = await openPGlite(await embeddedFolder())
      return { session: await pgliteSession(pg), end: () => closePGlite(pg) }
    },
  },
  {
    kind: 'postgres',
    available: postgresAvailable(),
    async start() {
      const session = await postgresSession(postgres.url)
      return { session, end: () => session.dispose() }
    },
  },
]

for (const { kind, available, start } of kinds) {
  describe.skipIf(!available)(`migrating ${kind}`, () => {
    let session: SqlDriverAdapter
    let end: () => Promise<void>
    const run = (sql: string) => session.executeScript(sql)
    const rows = async (sql: string) => (await session.queryRaw({ sql, args: [], argTypes: [] })).rows

    beforeAll(async () => {
      const started = await start()
      session = started.session
      end = started.end
    })
    afterAll(() => end())
    beforeEach(() => run('DROP SCHEMA public CASCADE; CREATE SCHEMA public'))

    test('applies what is new, in order, and nothing the second time', async () => {
      expect(await migrate(session, folderOf(FIRST))).toEqual([FIRST.name])
      const both = folderOf(FIRST, SECOND)
      expect(await migrate(session, both)).toEqual([SECOND.name])
      expect(await migrate(session, both)).toEqual([])
      expect(await rows('SELECT count(*)::int FROM a, b')).toEqual([[0]])
    })

    test("leaves a history that Prisma's engine finds in order", async () => {
      await migrate(session)
      const engine = await openSchemaEngine(session)
      const migrations = readMigrations()
      const found = await engine.diagnoseMigrationHistory({
        migrationsList: engineList(migrations, migrations.list),
        optInToShadowDatabase: false,
        filters: EVERYTHING,
      })
      engine.free()
      expect(found).toEqual({
        editedMigrationNames: [],
        failedMigrationNames: [],
        hasMigrationsTable: true,
        history: null,
      })
    })

    test('takes a script as it is: a semicolon in a string or a function ends no statement', async () => {
      const sql = `CREATE TABLE a (t text DEFAULT 'one;two'); -- three;
        CREATE FUNCTION f() RETURNS text AS $$ BEGIN RETURN 'x;y'; END $$ LANGUAGE plpgsql;
        INSERT INTO a DEFAULT VALUES;`
      await migrate(session, folderOf({ name: FIRST.name, sql }))
      expect(await rows('SELECT t, f() FROM a')).toEqual([['one;two', 'x;y']])
    })

    test('keeps nothing of a migration that fails, says where it failed, and applies it once it is right', async () => {
      const wrong = { name: SECOND.name, sql: `${SECOND.sql}\nINSERT INTO nowhere VALUES (1);\n` }
      await expect(migrate(session, folderOf(FIRST, wrong))).rejects.toThrow(
        `migration ${SECOND.name} failed: line 3: relation "nowhere" does not exist. Nothing of it was kept`,
      )
      expect(
        await rows("SELECT to_regclass('public.a') IS NOT NULL, to_regclass('public.b') IS NULL"),
      ).toEqual([[true, true]])
      expect(await migrate(session, folderOf(FIRST, SECOND))).toEqual([SECOND.name])
    })

    test('refuses a database whose migration was edited afterwards', async () => {
      await migrate(session, folderOf(FIRST))
      const edited = folderOf({ name: FIRST.name, sql: `${FIRST.sql}-- edited\n` })
      await expect(migrate(session, edited)).rejects.toThrow(`migration ${FIRST.name} was edited after`)
    })

    test('refuses a record whose checksum was tampered with', async () => {
      await migrate(session, folderOf(FIRST))
      await run(`UPDATE _prisma_migrations SET checksum = repeat('0', 64)`)
      await expect(migrate(session, folderOf(FIRST))).rejects.toThrow(`migration ${FIRST.name} was edited`)
    })

    test('accepts a checkout with other line ends', async () => {
      await migrate(session, folderOf(FIRST))
      const windows = { name: FIRST.name, sql: FIRST.sql.replaceAll('\n', '\r\n') }
      expect(await migrate(session, folderOf(windows))).toEqual([])
    })

    test('refuses a database of a newer version', async () => {
      await migrate(session, folderOf(FIRST, SECOND))
      await expect(migrate(session, folderOf(FIRST))).rejects.toThrow(
        `the database has migration ${SECOND.name}, which this version does not know`,
      )
    })

    test('refuses a database in which another tool left a migration unfinished', async () => {
      await migrate(session, folderOf(FIRST))
      await run(`UPDATE _prisma_migrations SET finished_at = NULL`)
      await expect(migrate(session, folderOf(FIRST))).rejects.toThrow(
        `migration ${FIRST.name} was left unfinished`,
      )
    })

    test("refuses somebody else's tables", async () => {
      await run('CREATE TABLE theirs (id int)')
      await expect(migrate(session, folderOf(FIRST))).rejects.toThrow('the database has tables but no record')
      expect(await rows("SELECT to_regclass('public._prisma_migrations')::text")).toEqual([[null]])
    })

    test('refuses an installation without migrations', async () => {
      await expect(migrate(session, folderOf())).rejects.toThrow('the installation is incomplete')
    })
  })
}

test.skipIf(!postgresAvailable())('three servers that start at once migrate a database once', async () => {
  const url = postgres.createDatabase('together')
  const opened = await Promise.all([1, 2, 3].map(() => openDatabase({ url, folder: 'unused' })))
  const names = readMigrations().list.map(({ name }) => name)
  expect(opened.flatMap(({ applied }) => applied)).toEqual(names)
  expect(await Promise.all(opened.map(({ prisma }) => prisma.trainingRun.count()))).toEqual([0, 0, 0])
  await Promise.all(opened.map((database) => database.close()))
})
