import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { FOREIGN_ISA } from '../../support/foreign-isa.ts'
import { startServer, stopServers } from '../../support/server.ts'
import { refusal } from '../support/refusal.ts'

afterAll(stopServers)

describe('a start with something wrong ends with one line for it', () => {
  test('when values of the environment are wrong', async () => {
    const { code, lines } = await refusal({ PORT: 'http', ENGINE: 'quantum' })
    expect(code).toBe(1)
    expect(lines).toHaveLength(2)
    expect(lines[0]).toMatch(/cannot start: PORT must be a port number/)
    expect(lines[1]).toMatch(/cannot start: ENGINE must be one of auto,/)
  })

  test('when the engine that was chosen cannot run here', async () => {
    // Without a driver, no machine has it.
    const noDriver = { VK_ICD_FILENAMES: '/nowhere', VK_DRIVER_FILES: '/nowhere' }
    const { code, lines } = await refusal({ ENGINE: 'webgpu', ...noDriver })
    expect(code).toBe(1)
    expect(lines).toEqual([expect.stringMatching(/cannot start: ENGINE=webgpu is not available: .+\.$/)])
  })

  test('when the native engine is to use what the processor lacks, whether it is chosen or may be', async () => {
    for (const ENGINE of ['auto', 'native']) {
      const { code, lines } = await refusal({ ENGINE, NATIVE_ISA: FOREIGN_ISA })
      expect(code).toBe(1)
      expect(lines).toEqual([
        expect.stringMatching(/cannot start: NATIVE_ISA must be one that this processor has, /),
      ])
    }
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

  test('when others would reach it and nobody has said who may do what, unless that is wanted', async () => {
    const folder = join(tmpdir(), 'vggzoo-never-made')
    for (const HOST of ['0.0.0.0', '::']) {
      const { code, lines } = await refusal({ HOST, DATA_DIR: folder })
      expect(code).toBe(1)
      expect(lines).toEqual([
        expect.stringMatching(/cannot start: HOST \S+ is reached .* AUTH=tokens.* AUTH=none/),
      ])
      expect(existsSync(folder)).toBe(false)
    }
    const server = await startServer({ env: { HOST: '0.0.0.0', AUTH: 'none' } })
    expect(await server.query('{ viewer { role kind } }')).toEqual({
      viewer: { role: 'ADMIN', kind: 'LOCAL' },
    })
    await server.stop()
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
    expect(lines).toEqual([
      expect.stringMatching(
        /: nothing listens there \(is PostgreSQL running\?\)\. Correct DATABASE_URL, or unset/,
      ),
    ])
    expect(lines[0]).not.toMatch(/secret/)
  })
})
