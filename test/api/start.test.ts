import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { placeMigratedDatabase } from '../support/embedded-database.ts'
import { FOREIGN_ISA } from '../support/foreign-isa.ts'
import { postgresAvailable, startPostgres } from '../support/postgres.ts'
import { collectEvents, START, startRun, TINY } from '../support/runs.ts'
import { type GraphQLResult, spawnServer, startServer, stopServers } from '../support/server.ts'
import { mountSmallDisk, skipsSmallDisks } from '../support/small-disk.ts'

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

  test('when a file is in the place of the data folder, or of what is in it', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'vggzoo-start-'))
    writeFileSync(join(folder, 'database'), '')
    for (const [path, wrong] of [
      [folder, join(folder, 'database')],
      [join(folder, 'database'), join(folder, 'database')],
    ] as const) {
      const { code, lines } = await refusal({ DATA_DIR: path })
      expect(code).toBe(1)
      expect(lines).toEqual([
        expect.stringMatching(/cannot start: .*\(DATA_DIR\).* it is a file; move it away/),
      ])
      expect(lines[0]).toContain(wrong)
      expect(lines[0]).not.toMatch(/damaged/)
    }
    rmSync(folder, { recursive: true })
  })

  test('when the database cannot be reached, without its password', async () => {
    const { code, lines } = await refusal({ DATABASE_URL: 'postgresql://me:secret@127.0.0.1:1/none' })
    expect(code).toBe(1)
    expect(lines).toHaveLength(1)
    expect(lines[0]).not.toMatch(/secret/)
  })
})

describe.skipIf(skipsSmallDisks)('on a disk that becomes full', () => {
  test('a server refuses what it would write, answers the rest, stops when told to, and says why it does not start', async () => {
    const disk = mountSmallDisk(160)
    try {
      await placeMigratedDatabase(join(disk.folder, 'database'))
      const server = await startServer({ dataDir: disk.folder })
      const health = async () => (await fetch(`${server.url}/health`)).status
      expect(await health()).toBe(200)
      disk.fill(0)
      await expect.poll(health).toBe(503)
      const body = JSON.stringify({ query: START, variables: { input: TINY } })
      const headers = { 'content-type': 'application/json' }
      const refused = await fetch(`${server.url}/graphql`, { method: 'POST', headers, body })
      expect(refused.status).toBe(507)
      const { errors } = (await refused.json()) as GraphQLResult
      expect(errors).toEqual([expect.objectContaining({ message: expect.stringContaining(disk.folder) })])
      expect(errors?.[0]?.extensions).toEqual({ code: 'STORAGE_FULL' })
      expect(await server.query('{ trainingRuns { totalCount } }')).toEqual({
        trainingRuns: { totalCount: 0 },
      })
      disk.empty()
      await expect.poll(health).toBe(200)
      disk.fill(0)
      await server.stop()
      const { code, lines } = await refusal({ DATA_DIR: disk.folder })
      expect(code).toBe(1)
      expect(lines).toEqual([
        expect.stringContaining(`cannot start: the data folder ${disk.folder} (DATA_DIR)`),
      ])
      expect(lines[0]).toMatch(/its disk is full.*; make room/)
    } finally {
      disk.unmount()
    }
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
