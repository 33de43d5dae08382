import { execFileSync } from 'node:child_process'
import { readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, test, vi } from 'vitest'
import { dumpPostgres } from '../../../src/db/postgres-dump.ts'
import type { Finding } from '../../../src/maintenance/check.ts'
import { restoreBackup } from '../../../src/maintenance/restore.ts'
import { checkOwnData } from '../../../src/own-data.ts'
import { postgresAvailable, startPostgres } from '../../support/postgres.ts'
import { collectEvents, type Event, startRun, waitForEvent } from '../../support/runs.ts'
import { startServer, stopServers, type TestServer } from '../../support/server.ts'
import { temporaryFolder } from '../../support/temporary-folder.ts'
import { refusal } from '../support/refusal.ts'

afterAll(stopServers)

/** Of a line of the log, as pino numbers levels. */
const FATAL = 60

/** The place of an event in its run's log, counted from 1. */
const placeOf = ({ cursor }: Event) => Number(Buffer.from(cursor, 'base64url').toString().split(':')[1])

describe.skipIf(!postgresAvailable())('on PostgreSQL', () => {
  test('a run trains and is there after a restart, also of PostgreSQL; a second server on the database is refused', async () => {
    const postgres = await startPostgres()
    try {
      const env = { DATABASE_URL: postgres.url }
      const server = await startServer({ env })
      const id = await startRun(server)
      const events = await collectEvents(server, id)
      expect(events.at(-1)).toMatchObject({ status: 'COMPLETED' })
      const { code, lines } = await refusal(env)
      expect(code).toBe(1)
      expect(lines).toEqual([expect.stringMatching(/database .* is in use/)])

      const cut = await startRun(server, { epochs: 8, checkpoints: { everySteps: 2 } })
      await waitForEvent(server, cut, ({ __typename }) => __typename === 'CheckpointSaved')
      await postgres.shutDown('immediate')
      await expect(server.logged(() => false)).rejects.toThrow('the server ended (1)')
      await postgres.start()
      const again = await startServer({ dataDir: server.dataDir, env })
      expect(await collectEvents(again, id)).toEqual(events)
      const all = await collectEvents(again, cut)
      expect(all.flatMap(({ status }) => status ?? [])).toEqual([
        'PREPARING',
        'RUNNING',
        'QUEUED',
        'PREPARING',
        'RUNNING',
        'COMPLETED',
      ])
      expect(all.map(placeOf)).toEqual(all.map((_, i) => i + 1))
      const steps = all.flatMap(({ points = [] }) => points.map(({ step }: { step: number }) => step))
      expect(new Set(steps)).toEqual(new Set(Array.from({ length: 32 }, (_, i) => i + 1)))

      // Database and files are of one moment; pg_restore puts the one back, vggzoo restore the others.
      const dataDir = join(temporaryFolder(), 'restored')
      const file = join(temporaryFolder(), 'backup.tar')
      const backup = await fetch(`${again.url}/backup`, { method: 'POST' })
      writeFileSync(file, Buffer.from(await backup.arrayBuffer()))
      await expect(restoreBackup(file, dataDir)).resolves.toMatchObject({ database: 'postgres' })
      const restored = postgres.createDatabase('restored')
      const dump = join(dataDir, 'database.dump')
      execFileSync('pg_restore', ['--no-owner', '--exit-on-error', '--dbname', restored, dump])
      const found: Finding[] = []
      const owner = { DATA_DIR: dataDir, DATABASE_URL: restored }
      const checked = await checkOwnData(
        owner,
        (finding) => found.push(finding),
        new AbortController().signal,
      )
      expect([found, checked?.files]).toEqual([[], readdirSync(join(dataDir, 'artifacts')).length])
      await again.stop()

      vi.stubEnv('PATH', '/nowhere')
      await expect(dumpPostgres(postgres.url, 'x', file, new AbortController().signal)).rejects.toThrow(
        /cannot be backed up: there is no pg_dump on the PATH of the server\. Install PostgreSQL's client programs, or/,
      )
      vi.unstubAllEnvs()
      await expect(dumpPostgres(postgres.url, 'x', file, new AbortController().signal)).rejects.toThrow(
        /cannot be backed up: pg_dump failed \(pg_dump: .*snapshot/,
      )
    } finally {
      await postgres.stop()
    }
  })

  test('a server with work that loses its database says that it stops, and does not wait for what it cannot record', async () => {
    const postgres = await startPostgres()
    try {
      const server = await startServer({ env: { DATABASE_URL: postgres.url } })
      const id = await startRun(server, { epochs: 1000 })
      await startRun(server)
      await waitForEvent(server, id, ({ __typename }) => __typename === 'EpochEnded')
      const watcher = collectEvents(server, id).catch((error: Error) => error)
      const left = server.logged(({ msg }) => msg.startsWith('the server stops before the run is recorded'))
      const ended = server.logged(() => false).catch((error: Error) => error.message)
      const lost = server.logged(({ level }) => level === FATAL)
      await postgres.shutDown('fast')
      expect((await lost).msg).toMatch(/^the claim on the database is lost/)

      const answers = await answersOf(server)
      for (const { operation, ready } of answers) {
        expect(operation).toMatchObject([503, { errors: [{ extensions: { code: 'STOPPING' } }] }])
        expect(ready).toMatchObject([503, { database: 'The database does not answer.' }])
      }
      expect(await ended).toMatch(/^the server ended \(1\)/)
      // Not for a database that does not come back in time: this one it may not write to any more.
      expect(await left).toMatchObject({ err: { type: 'StoppingError' } })
      await watcher
    } finally {
      await postgres.stop()
    }
  })
})

/** Of a server that ends, until it takes no connection any more. */
async function answersOf({ url }: TestServer): Promise<{ operation: unknown[]; ready: unknown[] }[]> {
  const answers: { operation: unknown[]; ready: unknown[] }[] = []
  const told = async (response: Response) => [response.status, await response.json()]
  const body = JSON.stringify({ query: '{ trainingRuns(first: 1) { edges { node { id } } } }' })
  const headers = { 'content-type': 'application/json' }
  for (;;) {
    try {
      const operation = await told(await fetch(`${url}/graphql`, { method: 'POST', headers, body }))
      answers.push({ operation, ready: await told(await fetch(`${url}/health/ready`)) })
    } catch {
      return answers
    }
  }
}
