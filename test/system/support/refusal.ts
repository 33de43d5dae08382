import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { placeMigratedDatabase } from '../../support/embedded-database.ts'
import { spawnServer } from '../../support/server.ts'

/** Starts a server that must refuse to start, and answers what it said. */
export async function refusal(env: NodeJS.ProcessEnv): Promise<{ code: number; lines: string[] }> {
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
