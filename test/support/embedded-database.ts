import { createHash } from 'node:crypto'
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { openDatabase } from '../../src/db/client.ts'
import { readMigrations } from '../../src/db/migrations.ts'
import { closePGlite, openPGlite } from '../../src/db/pglite.ts'

/** Puts an empty embedded database, not migrated, into a folder that is not there yet. */
export async function placeEmbeddedDatabase(folder: string): Promise<void> {
  copyFolder(await emptyTemplate(), folder)
}

/** The same with every migration applied. */
export async function placeMigratedDatabase(folder: string): Promise<void> {
  const migrations = createHash('sha256')
    .update(JSON.stringify(readMigrations().list))
    .digest('hex')
    .slice(0, 12)
  const template = await templateFolder(`${pgliteVersion()}-${migrations}`, async (draft) => {
    await placeEmbeddedDatabase(draft)
    await (await openDatabase({ folder: draft })).close()
  })
  copyFolder(template, folder)
}

function emptyTemplate(): Promise<string> {
  return templateFolder(pgliteVersion(), async (draft) => closePGlite(await openPGlite(draft)))
}

function pgliteVersion(): string {
  const entry = createRequire(import.meta.url).resolve('@electric-sql/pglite')
  return JSON.parse(readFileSync(join(dirname(entry), '../package.json'), 'utf8')).version
}

const TEMPLATES = fileURLToPath(new URL('../../node_modules/.cache/vggzoo/databases', import.meta.url))

/** Making a database takes seconds, so each is made once, kept between runs as the data set is, and copied. */
async function templateFolder(name: string, make: (draft: string) => Promise<void>): Promise<string> {
  const template = join(TEMPLATES, name)
  if (!existsSync(template)) {
    await mkdir(TEMPLATES, { recursive: true })
    const draft = await mkdtemp(`${template}-`)
    await make(join(draft, 'database'))
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

/** For a thousand small files this takes a third of the time of fs.cp(), which asks for each one several times what it is. */
function copyFolder(from: string, to: string): void {
  mkdirSync(to, { recursive: true })
  for (const entry of readdirSync(from, { withFileTypes: true })) {
    const [source, target] = [join(from, entry.name), join(to, entry.name)]
    if (entry.isDirectory()) copyFolder(source, target)
    else copyFileSync(source, target)
  }
}
