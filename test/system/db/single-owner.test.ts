import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { realpathSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { claimPostgres } from '../../../src/db/postgres-claim.ts'
import { AlreadyClaimedError, claim } from '../../../src/db/single-owner.ts'
import { type Postgres, postgresAvailable, startPostgres } from '../../support/postgres.ts'
import { temporaryFolder } from './support.ts'

function start(...args: string[]): ChildProcess {
  const script = join(import.meta.dirname, 'child.ts')
  const child = spawn(process.execPath, ['--liftoff-only', '--import', 'tsx', script, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  onTestFinished(() => {
    child.kill('SIGKILL')
  })
  return child
}

/** Resolves when the child has said that it holds its claim. */
async function claimedBy(...args: string[]): Promise<ChildProcess> {
  const child = start(...args)
  const [line] = await once(createInterface({ input: child.stdout! }), 'line')
  expect(line).toBe('claimed')
  return child
}

async function kill(child: ChildProcess): Promise<void> {
  const ended = once(child, 'exit')
  child.kill('SIGKILL')
  await ended
}

describe('the claim on a data folder', () => {
  test('is refused to a second one, with a line that names the folder, until it is released', async () => {
    const folder = join(temporaryFolder(), 'made', 'by claim')
    const first = await claim(folder)
    const refused = await claim(folder).catch((error) => error)
    expect(refused).toBeInstanceOf(AlreadyClaimedError)
    expect(refused.message).toContain(`the data folder ${realpathSync(folder)} is in use`)
    expect(refused.message).not.toContain('\n')
    await first.release()
    await first.release()
    await (await claim(folder)).release()
  })

  test('knows a folder by what it is, not by how it is written', async () => {
    const folder = temporaryFolder()
    const link = join(temporaryFolder(), 'link')
    symlinkSync(folder, link)
    const first = await claim(folder)
    await expect(claim(link)).rejects.toThrow(AlreadyClaimedError)
    const other = await claim(temporaryFolder())
    await Promise.all([first.release(), other.release()])
  })

  test('ends with its process, even one that is killed', async () => {
    const folder = temporaryFolder()
    const child = await claimedBy('claim', folder)
    await expect(claim(folder)).rejects.toThrow(AlreadyClaimedError)
    await kill(child)
    await (await claim(folder)).release()
  })

  test('keeps no process running', async () => {
    const child = start('claim', temporaryFolder(), 'end')
    expect(await once(child, 'exit')).toEqual([0, null])
  })

  test('sees an owner that only the socket file reaches, as in another container', async () => {
    const folder = temporaryFolder()
    const owner = createServer((socket) => socket.destroy()).listen(join(folder, 'owner.sock'))
    await once(owner, 'listening')
    await expect(claim(folder)).rejects.toThrow(AlreadyClaimedError)
    owner.close()
    await once(owner, 'close')
    await (await claim(folder)).release()
  })

  test('takes over a socket file that nobody answers on', async () => {
    const folder = temporaryFolder()
    writeFileSync(join(folder, 'owner.sock'), '')
    const taken = await claim(folder)
    await expect(claim(folder)).rejects.toThrow(AlreadyClaimedError)
    await taken.release()
  })

  test('works in a folder whose path is too long for a socket', async () => {
    const folder = join(temporaryFolder(), 'long'.repeat(40))
    const first = await claim(folder)
    await expect(claim(folder)).rejects.toThrow(AlreadyClaimedError)
    await first.release()
    await (await claim(folder)).release()
  })
})

describe.skipIf(!postgresAvailable())('the claim on a PostgreSQL database', () => {
  let postgres: Postgres
  beforeAll(async () => {
    postgres = await startPostgres()
  })
  afterAll(() => postgres?.stop())

  test('is refused to a second one until it is released, and leaves other databases alone', async () => {
    const first = await claimPostgres(postgres.url)
    const refused = await claimPostgres(postgres.url).catch((error) => error)
    expect(refused).toBeInstanceOf(AlreadyClaimedError)
    expect(refused.message).not.toContain('\n')
    const other = await claimPostgres(postgres.createDatabase('other'))
    await first.release()
    await first.release()
    const second = await claimPostgres(postgres.url)
    await Promise.all([second.release(), other.release()])
  })

  test('was released only when PostgreSQL has given it up, so that the next one gets it', async () => {
    const first = await claimPostgres(postgres.url)
    const holder = Number(postgres.psql(`SELECT pid FROM pg_locks WHERE locktype = 'advisory'`, 'test'))
    process.kill(holder, 'SIGSTOP')
    let isReleased = false
    const released = first.release().then(() => {
      isReleased = true
    })
    try {
      await expect(claimPostgres(postgres.url)).rejects.toThrow(AlreadyClaimedError)
      expect(isReleased).toBe(false)
    } finally {
      // Else PostgreSQL could not be stopped.
      process.kill(holder, 'SIGCONT')
    }
    await released
    await (await claimPostgres(postgres.url)).release()
  })

  test('ends with its process, even one that is killed', async () => {
    const child = await claimedBy('claim-postgres', postgres.url)
    await expect(claimPostgres(postgres.url)).rejects.toThrow(AlreadyClaimedError)
    await kill(child)
    // The server ends the session when it sees the closed connection; waiting for its lock waits for that.
    const sql = `SELECT pg_advisory_lock(${lockKey()}), pg_advisory_unlock(${lockKey()})`
    postgres.psql(sql, 'test')
    await (await claimPostgres(postgres.url)).release()
  })

  test('keeps no process running', async () => {
    const child = start('claim-postgres', postgres.url, 'end')
    expect(await once(child, 'exit')).toEqual([0, null])
  })

  test('tells its owner when it is lost', async () => {
    const lost = new Promise<Error>((resolve, reject) => {
      claimPostgres(postgres.url, resolve).then(
        () => postgres.psql(`SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'`),
        reject,
      )
    })
    expect((await lost).message).toContain('lost the connection that claims the database')
  })

  function lockKey(): string {
    return String((BigInt(`0x${Buffer.from('vggzoo').toString('hex')}`) << 8n) | 1n)
  }
})
