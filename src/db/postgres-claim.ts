import type { Socket } from 'node:net'
import { DatabaseError, firstLine } from './database-error.ts'
import { onePostgresConnection } from './postgres.ts'
import { AlreadyClaimedError, type Claim } from './single-owner.ts'

/** "vggzoo" and the number of the claim, as one bigint. Advisory locks are per database. */
const LOCK_KEY = (BigInt(`0x${Buffer.from('vggzoo').toString('hex')}`) << 8n) | 1n

/** For a database that no longer answers. */
const UNLOCK_MS = 2000

/**
 * Claims a PostgreSQL database for this process: one server at a time runs its queue. The claim is an
 * advisory lock of a connection of its own, so PostgreSQL gives it up when the process or its host is gone
 * (a host that vanished without a word is noticed after about a minute).
 *
 * @param onLost is told once when the connection, and with it the claim, was lost while it was held
 * @throws AlreadyClaimedError when another server has the database; DatabaseError when it can't be reached
 */
export async function claimPostgres(url: string, onLost?: (error: DatabaseError) => void): Promise<Claim> {
  const { pool } = await onePostgresConnection(url)
  const client = await pool.connect()
  let held = true
  const leave = async () => {
    held = false
    client.release(true)
    await pool.end()
  }
  const release = async () => {
    if (!held) return
    held = false
    // PostgreSQL would give it up some time after the connection ended, and the next server may be starting already.
    const unlock = { text: 'SELECT pg_advisory_unlock($1)', values: [LOCK_KEY], query_timeout: UNLOCK_MS }
    await client.query(unlock).catch(() => {})
    await leave()
  }
  client.on('error', (error) => {
    if (!held) return
    void leave()
    onLost?.(new DatabaseError(`lost the connection that claims the database: ${firstLine(error)}`))
  })
  await client.query(
    `SET tcp_keepalives_idle = 30; SET tcp_keepalives_interval = 10; SET tcp_keepalives_count = 3;
     SELECT set_config(name, '0', false) FROM pg_settings WHERE name = 'idle_session_timeout'`,
  )
  const { rows } = await client.query('SELECT pg_try_advisory_lock($1) AS got', [LOCK_KEY])
  if (!rows[0].got) {
    await leave()
    throw new AlreadyClaimedError(
      'the database of DATABASE_URL is in use by another vggzoo server; stop that one, or give this one a database of its own',
    )
  }
  const socket = client.connection.stream as Socket
  socket.unref()
  return { release }
}
