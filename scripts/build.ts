/** Compiles src and web to dist when anything they are made from changed. Types are checked by `npm run check`. */
import { spawnSync } from 'node:child_process'
import { renameSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { resolve } from 'node:path'
import { build } from 'vite'
import { bundleServer } from './bundle.ts'
import { generateIfStale } from './generate.ts'
import { isFresh, markFresh } from './stale.ts'

const root = resolve(import.meta.dirname, '..')
const inputs = [
  'src',
  'web',
  'scripts/bundle.ts',
  'tsconfig.json',
  'tsconfig.build.json',
  'package-lock.json',
]
const output = 'dist'

generateIfStale()
if (!isFresh(root, inputs, output)) {
  // Beside the old one and then in its place: a server that runs keeps its files until the new ones are whole.
  const fresh = `${output}.${process.pid}.tmp`
  try {
    compile(fresh)
    await bundleServer(resolve(root, fresh))
    await build({
      configFile: resolve(root, 'web/vite.config.ts'),
      logLevel: 'warn',
      build: { outDir: resolve(root, fresh, 'web') },
    })
    markFresh(root, inputs, fresh)
    rmSync(resolve(root, output), { recursive: true, force: true })
    renameSync(resolve(root, fresh), resolve(root, output))
  } finally {
    rmSync(resolve(root, fresh), { recursive: true, force: true })
  }
}

function compile(folder: string): void {
  const tsc = createRequire(import.meta.url).resolve('typescript/bin/tsc')
  const { status } = spawnSync(
    process.execPath,
    [tsc, '-p', 'tsconfig.build.json', '--noCheck', '--outDir', folder],
    { cwd: root, stdio: 'inherit' },
  )
  if (status !== 0) throw new Error('src could not be compiled: see above.')
}
