import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { temporaryFolder } from '../../support/temporary-folder.ts'

/** One folder for the tests of a file; call the answer for its path. */
export function sharedFolder(afterAll: (work: () => void) => void): () => string {
  const folder = mkdtempSync(join(tmpdir(), 'vggzoo-data-'))
  afterAll(() => rmSync(folder, { recursive: true, force: true }))
  return () => folder
}

/** A web server of the test's own; answers its address. */
export async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.close()
    server.closeAllConnections()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

/** npm's fetcher keeps what it fetched; each test starts with an empty cache. */
export function emptyNpmCache(): void {
  const before = process.env.npm_config_cache
  process.env.npm_config_cache = temporaryFolder()
  onTestFinished(() => {
    if (before === undefined) delete process.env.npm_config_cache
    else process.env.npm_config_cache = before
  })
}
