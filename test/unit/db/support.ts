import { cpSync, existsSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll } from 'vitest'
import { closePGlite, openPGlite } from '../../../src/db/pglite.ts'

const temporary: string[] = []
afterAll(() => {
  for (const folder of temporary) rmSync(folder, { recursive: true, force: true })
})

/** A temporary folder that goes when the tests of the file are over. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'vggzoo-db-'))
  temporary.push(folder)
  return folder
}

/**
 * A fresh copy of an empty embedded database, not migrated. Making one takes seconds, so it is made once per
 * PGlite version and kept in the system's temporary folder.
 */
export async function embeddedFolder(): Promise<string> {
  const template = await templateFolder()
  const folder = join(temporaryFolder(), 'database')
  cpSync(template, folder, { recursive: true })
  return folder
}

async function templateFolder(): Promise<string> {
  const entry = createRequire(import.meta.url).resolve('@electric-sql/pglite')
  const { version } = JSON.parse(readFileSync(join(dirname(entry), '../package.json'), 'utf8'))
  const template = join(tmpdir(), `vggzoo-test-pglite-${version}`)
  if (!existsSync(template)) {
    const draft = mkdtempSync(`${template}-`)
    await closePGlite(await openPGlite(join(draft, 'database')))
    try {
      renameSync(join(draft, 'database'), template)
    } catch (error) {
      // Another test process was quicker.
      if (!existsSync(template)) throw error
    }
    rmSync(draft, { recursive: true, force: true })
  }
  return template
}
