import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { DatabaseError } from './database-error.ts'

const MANUAL =
  'or back up by hand: run pg_dump yourself while no version, run or data set is deleted, and after it copy the folders artifacts and datasets of DATA_DIR'

/** Of what it said at most so much is told. */
const MOST_SAID = 500

/**
 * Writes a PostgreSQL database to a file that `pg_restore` reads.
 * @param snapshot  of a transaction that is open meanwhile (pg_export_snapshot)
 * @throws DatabaseError where there is no pg_dump, or it fails; the signal's reason
 */
export async function dumpPostgres(
  url: string,
  snapshot: string,
  file: string,
  signal: AbortSignal,
): Promise<void> {
  const { address, password } = withoutPassword(url)
  const args = ['--format=custom', '--no-owner', '--no-privileges', `--snapshot=${snapshot}`]
  const child = spawn('pg_dump', [...args, `--file=${file}`, `--dbname=${address}`, '--no-password'], {
    // Everybody sees the arguments of a process.
    env: { ...process.env, ...(password !== '' && { PGPASSWORD: password }) },
    stdio: ['ignore', 'ignore', 'pipe'],
    signal,
  })
  let said = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said = (said + text).slice(-MOST_SAID)
  })
  try {
    const [code] = await once(child, 'close')
    if (code === 0) return
  } catch (error) {
    signal.throwIfAborted()
    const isMissing = (error as NodeJS.ErrnoException).code === 'ENOENT'
    const why = isMissing ? 'there is no pg_dump on the PATH of the server' : (error as Error).message
    throw new DatabaseError(
      `The database on PostgreSQL cannot be backed up: ${why}. Install PostgreSQL's client programs, ${MANUAL}.`,
    )
  }
  throw new DatabaseError(
    `The database on PostgreSQL cannot be backed up: pg_dump failed (${said.trim().split('\n')[0]}). Its version must be that of the database's server or a newer one; install that, ${MANUAL}.`,
  )
}

/** As libpq takes it: parameters of the driver's own are no concern of it. */
function withoutPassword(url: string): { address: string; password: string } {
  const parsed = new URL(url)
  const password = decodeURIComponent(parsed.password) || (parsed.searchParams.get('password') ?? '')
  parsed.password = ''
  parsed.searchParams.delete('password')
  parsed.searchParams.delete('schema')
  return { address: parsed.toString(), password }
}
