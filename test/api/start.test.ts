import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { placeMigratedDatabase } from '../support/embedded-database.ts'
import { FOREIGN_ISA } from '../support/foreign-isa.ts'
import { postgresAvailable, startPostgres } from '../support/postgres.ts'
import { collectEvents, startRun } from '../support/runs.ts'
import { spawnServer, startServer, stopServers } from '../support/server.ts'

afterAll(stopServers)

/** Starts a server that must refuse to start, and answers what it said. */
async function refusal(env: NodeJS.ProcessEnv): Promise<{ code: number; lines: string[] }> {
  const folder = mkdtempSync(join(tmpdir(), 'vggzoo-start-'))
  await placeMigratedDatabase(join(folder, 'database'))
  const child = spawnServer({ DATA_DIR: folder, LOG_LEVEL: 'silent', ...env })
  let stderr = ''
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
  })
  const [code] = await once(child, 'close')
  rmSync(folder, { recursive: true, force: true })
  return { code, lines: stderr.trim().split('\n') }
}

describe('a start with something wrong ends with one line for it', () => {
  test('when values of the environment are wrong', async () => {
    const { code, lines } = await refusal({ PORT: 'http', ENGINE: 'quantum' })
    expect(code).toBe(1)
    expect(lines).toHaveLength(2)
    expect(lines[0]).toMatch(/cannot start: PORT must be a port number/)
    expect(lines[1]).toMatch(/cannot start: ENGINE must be one of auto,/)
  })

  test('when the engine that was chosen cannot run here', async () => {
    const { code, lines } = await refusal({ ENGINE: 'native', NATIVE_ISA: FOREIGN_ISA })
    expect(code).toBe(1)
    expect(lines).toHaveLength(1)
    expect(lines[0]).toContain(`ENGINE=native is not available: NATIVE_ISA is ${FOREIGN_ISA}`)
  })

  test('when the port is taken, or another server uses the data folder', async () => {
    const server = await startServer()
    const port = await refusal({ PORT: new URL(server.url).port })
    expect(port.code).toBe(1)
    expect(port.lines).toEqual([expect.stringMatching(/PORT \d+ is in use/)])
    const folder = await refusal({ DATA_DIR: server.dataDir })
    expect(folder.code).toBe(1)
    expect(folder.lines).toEqual([expect.stringMatching(/data folder .* is in use/)])
    await server.stop()
  })

  test('when HOST is not an address of this machine, before the data folder is touched', async () => {
    const folder = join(tmpdir(), 'vggzoo-never-made')
    const { code, lines } = await refusal({ HOST: '10.255.255.1', DATA_DIR: folder })
    expect(code).toBe(1)
    expect(lines).toEqual([expect.stringMatching(/cannot start: HOST 10\.255\.255\.1 is not .* Set HOST to/)])
    expect(existsSync(folder)).toBe(false)
  })

  test('when the database cannot be reached, without its password', async () => {
    const { code, lines } = await refusal({ DATABASE_URL: 'postgresql://me:secret@127.0.0.1:1/none' })
    expect(code).toBe(1)
    expect(lines).toHaveLength(1)
    expect(lines[0]).not.toMatch(/secret/)
  })
})

describe.skipIf(!postgresAvailable())('on PostgreSQL', () => {
  test('a run trains and is there after a restart; a second server on the database is refused', async () => {
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
      await server.stop()
      const again = await startServer({ dataDir: server.dataDir, env })
      expect(await collectEvents(again, id)).toEqual(events)
      await again.stop()
    } finally {
      await postgres.stop()
    }
  })
})
