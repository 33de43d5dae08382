/**
 * Writes src/db/generated from prisma/schema.prisma, without network.
 * `--if-stale` does nothing when the output is already that of the present schema.
 */
import { spawnSync } from 'node:child_process'
import { createRequire } from 'node:module'
import { resolve } from 'node:path'
import { isFresh, markFresh } from './stale.ts'

const root = resolve(import.meta.dirname, '..')
const inputs = ['prisma/schema.prisma', 'prisma.config.ts', 'package-lock.json']
const output = 'src/db/generated'

export function generate(): void {
  const cli = createRequire(import.meta.url).resolve('prisma/build/index.js')
  const result = spawnSync(process.execPath, [cli, 'generate', '--no-hints'], {
    cwd: root,
    encoding: 'utf8',
    // Prisma's CLI downloads a schema engine that generating does not use. Naming any
    // existing executable stops the download; the client itself runs without that engine.
    env: { ...process.env, PRISMA_SCHEMA_ENGINE_BINARY: process.execPath, CHECKPOINT_DISABLE: '1' },
  })
  if (result.status !== 0) {
    process.stderr.write(`${result.stdout}${result.stderr}`)
    throw new Error('prisma generate failed; its output is above')
  }
  markFresh(root, inputs, output)
}

export function generateIfStale(): void {
  if (!isFresh(root, inputs, output)) generate()
}

if (process.argv[1] === import.meta.filename) {
  if (process.argv.includes('--if-stale')) generateIfStale()
  else generate()
}
