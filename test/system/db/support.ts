import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll } from 'vitest'
import { placeEmbeddedDatabase } from '../../support/embedded-database.ts'

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

/** A fresh copy of an empty embedded database, not migrated. */
export async function embeddedFolder(): Promise<string> {
  const folder = join(temporaryFolder(), 'database')
  await placeEmbeddedDatabase(folder)
  return folder
}
