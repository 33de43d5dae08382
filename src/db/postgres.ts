import { PrismaPg } from '@prisma/adapter-pg'
import type { SqlDriverAdapter } from '@prisma/driver-adapter-utils'
import { DatabaseError, firstLine } from './database-error.ts'
import { scriptError } from './script-error.ts'

const CONNECT_TIMEOUT_MS = 10_000

type Adapter = Awaited<ReturnType<PrismaPg['connect']>>
export type Pool = ReturnType<Adapter['underlyingDriver']>

/** The factory that Prisma takes its connections from. */
export function postgresFactory(url: string): PrismaPg {
  return new PrismaPg(settings(url))
}

/** A pool of one connection: what is sent through it, one after another, shares a session. */
export async function onePostgresConnection(url: string): Promise<{ adapter: Adapter; pool: Pool }> {
  const adapter = await new PrismaPg({ ...settings(url), max: 1, idleTimeoutMillis: 0 }).connect()
  const pool = adapter.underlyingDriver()
  try {
    await pool.query('SELECT 1')
  } catch (error) {
    await pool.end()
    throw unreachable(url, error)
  }
  return { adapter, pool }
}

/** For migrate(). The caller disposes of it. */
export async function postgresSession(url: string): Promise<SqlDriverAdapter> {
  const { adapter, pool } = await onePostgresConnection(url)
  return {
    provider: adapter.provider,
    adapterName: adapter.adapterName,
    queryRaw: (query) => adapter.queryRaw(query),
    executeRaw: (query) => adapter.executeRaw(query),
    // adapter-pg splits a script at each semicolon, those in strings and functions as well.
    executeScript: async (script) => {
      await pool.query(script).catch((error) => {
        throw scriptError(error, script)
      })
    },
    startTransaction: (level) => adapter.startTransaction(level),
    getConnectionInfo: () => adapter.getConnectionInfo(),
    dispose: () => pool.end(),
  }
}

function settings(url: string) {
  const parsed = parse(url)
  const schema = parsed.searchParams.get('schema')
  if (schema && schema !== 'public') {
    throw new DatabaseError(
      `DATABASE_URL: schema=${schema} is not supported; give vggzoo a database of its own`,
    )
  }
  return {
    connectionString: url,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    keepAlive: true,
    fallback_application_name: 'vggzoo',
    // Prisma's adapter reads and writes every time as if the session were in UTC, and drops the offset.
    // Its queries name the schema; migrations don't.
    onConnect: (client: { query(sql: string): Promise<unknown> }) =>
      client.query("SET TIME ZONE 'UTC'; SET search_path TO public"),
  }
}

function parse(url: string): URL {
  const parsed = URL.canParse(url) ? new URL(url) : undefined
  if (!parsed || !['postgres:', 'postgresql:'].includes(parsed.protocol)) {
    throw new DatabaseError(
      'DATABASE_URL is not a PostgreSQL URL; one looks like postgresql://user:password@host:5432/database',
    )
  }
  return parsed
}

function unreachable(url: string, error: unknown): DatabaseError {
  const { hostname, port, pathname, searchParams, password } = parse(url)
  const host = searchParams.get('host') ?? (decodeURIComponent(hostname) || 'localhost')
  const at = `${host}:${searchParams.get('port') ?? (port || '5432')}${pathname}`
  let why = reason(error)
  for (const secret of [decodeURIComponent(password), searchParams.get('password')]) {
    if (secret) why = why.replaceAll(secret, '***')
  }
  // No cause: the driver's error may carry the password.
  return new DatabaseError(
    `can't open the database at ${at}: ${why}. Correct DATABASE_URL, or unset it to use the embedded database`,
  )
}

const REASONS: Record<string, string> = {
  ECONNREFUSED: 'nothing listens there (is PostgreSQL running?)',
  ENOENT: 'there is no such socket (is PostgreSQL running?)',
  ENOTFOUND: 'the host name is not known',
  EAI_AGAIN: 'the host name could not be looked up',
  ETIMEDOUT: 'no answer',
  '28P01': 'the user or the password is wrong',
  '28000': 'the server does not let this user in',
  '3D000': 'there is no such database; create it',
  '53300': 'the server has no connection left',
}

function reason(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  if (REASONS[code]) return REASONS[code]
  const message = firstLine(error)
  return /timeout/.test(message)
    ? `no answer within ${CONNECT_TIMEOUT_MS / 1000} s`
    : message.replace(/[.?!]+$/, '')
}
