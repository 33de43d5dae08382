import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { SqlDriverAdapterFactory } from '@prisma/driver-adapter-utils'
import { StoppingError } from '../errors.ts'
import type { Room } from '../storage/room.ts'
import { copyEmbedded, copyPostgres, type Moment, type Reading } from './copy.ts'
import { fenced } from './fence.ts'
import { PrismaClient } from './generated/client.ts'
import { migrate } from './migrate.ts'
import { startDatabaseThread } from './pglite-host.ts'
import { postgresFactory, postgresSession } from './postgres.ts'

/** Of a copy of a database that is not the embedded one: for `pg_restore`. */
export const DUMP = 'database.dump'

export interface Database {
  prisma: PrismaClient
  kind: 'pglite' | 'postgres'
  /** The migrations that opening applied. */
  applied: string[]
  /** @throws StorageFullError where the embedded PostgreSQL has no room to write */
  checkRoom(): void
  /** Makes the room of deleted rows usable again and counts rows for the planner, as PostgreSQL's own autovacuum does. */
  tidy(): Promise<void>
  /** Bytes on the disk. Rejects when the database does not answer. */
  size(): Promise<number>
  /**
   * Copies the database, and reads rows, as both are at one moment.
   * @param to  a folder that is not there yet: of the embedded database its files, of another one a file `database.dump`
   * @throws DatabaseError, the signal's reason, or what `read` throws
   */
  copy<Rows>(to: string, read: (tx: Reading) => Promise<Rows>, signal: AbortSignal): Promise<Moment<Rows>>
  /** Ends every connection; a transaction under way is finished or rolled back. May be called more than once. */
  close(): Promise<void>
}

export interface DatabaseOptions {
  /** postgresql://...; without it the embedded PostgreSQL is used. */
  url?: string | undefined
  /** Where the embedded PostgreSQL keeps its files. One process only: see single-owner.ts. */
  folder: string
  /** Of the disk that the embedded PostgreSQL is on. */
  room?: Room
  /** Aborts when this process has lost its claim on the database of the url: nothing is asked of it any more. */
  lost?: AbortSignal | undefined
  /** Another migrations folder than the project's, for tests. */
  migrations?: string
}

/**
 * Opens the database and brings it to the newest migration.
 * @throws DatabaseError with one line to print, which never holds the password
 */
export function openDatabase({ url, folder, room, lost, migrations }: DatabaseOptions): Promise<Database> {
  return url ? openPostgres(url, lost, migrations) : openEmbedded(folder, room, migrations)
}

async function openPostgres(url: string, lost?: AbortSignal, migrations?: string): Promise<Database> {
  const session = await postgresSession(url)
  let applied: string[]
  try {
    applied = await migrate(session, migrations)
  } finally {
    await session.dispose()
  }
  const factory = postgresFactory(url)
  const connection = connect(lost === undefined ? factory : fenced(factory, lost), async () => {})
  return {
    kind: 'postgres',
    applied,
    checkRoom() {},
    async tidy() {},
    ...connection,
    async copy(to, read, signal) {
      await mkdir(to)
      return copyPostgres(connection.prisma, url, join(to, DUMP), read, signal)
    },
  }
}

async function openEmbedded(folder: string, room?: Room, migrations?: string): Promise<Database> {
  const thread = await startDatabaseThread(folder, room)
  try {
    const applied = await migrate(await thread.factory.connect(), migrations)
    const connection = connect(thread.factory, thread.close)
    return {
      kind: 'pglite',
      applied,
      checkRoom: thread.checkRoom,
      async tidy() {
        thread.checkRoom()
        await (await thread.factory.connect()).executeScript('VACUUM (ANALYZE)')
      },
      ...connection,
      copy: (to, read) => copyEmbedded(connection.prisma, thread, to, read),
    }
  } catch (error) {
    await thread.close()
    throw error
  }
}

function connect(
  factory: SqlDriverAdapterFactory,
  end: () => Promise<void>,
): Pick<Database, 'prisma' | 'size' | 'close'> {
  let closing: Promise<void> | undefined
  const adapter: SqlDriverAdapterFactory = {
    provider: factory.provider,
    adapterName: factory.adapterName,
    // Prisma connects again for a query that comes after $disconnect().
    connect: async () => {
      if (closing) throw new StoppingError()
      return factory.connect()
    },
  }
  // PGlite runs one transaction at a time: one that waits its turn is not late. Prisma's limits are 2 s and 5 s.
  const prisma = new PrismaClient({ adapter, transactionOptions: { maxWait: 10_000, timeout: 15_000 } })
  const close = () => {
    closing ??= prisma.$disconnect().then(end)
    return closing
  }
  async function size(): Promise<number> {
    const [row] = await prisma.$queryRaw<
      [{ size: bigint }]
    >`SELECT pg_database_size(current_database()) AS size`
    return Number(row.size)
  }
  return { prisma, size, close }
}
