import { existsSync, readFileSync } from 'node:fs'
import { cp, mkdtemp, rename, rm } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { closePGlite, openPGlite } from '../../src/db/pglite.ts'

/**
 * Puts an empty embedded database, not migrated, into a folder that is not there yet. Making one takes seconds, so
 * it is made once per PGlite version, kept in the system's temporary folder, and copied.
 */
export async function placeEmbeddedDatabase(folder: string): Promise<void> {
  await cp(await templateFolder(), folder, { recursive: true })
}

async function templateFolder(): Promise<string> {
  const entry = createRequire(import.meta.url).resolve('@electric-sql/pglite')
  const { version } = JSON.parse(readFileSync(join(dirname(entry), '../package.json'), 'utf8'))
  const template = join(tmpdir(), `vggzoo-test-pglite-${version}`)
  if (!existsSync(template)) {
    const draft = await mkdtemp(`${template}-`)
    await closePGlite(await openPGlite(join(draft, 'database')))
    try {
      await rename(join(draft, 'database'), template)
    } catch (error) {
      // Another test process was quicker.
      if (!existsSync(template)) throw error
    }
    await rm(draft, { recursive: true, force: true })
  }
  return template
}
