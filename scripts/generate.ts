/**
 * Writes what is generated, without network: src/db/generated from prisma/schema.prisma, and src/client/generated, the
 * types of the client's documents, from schema.graphql. `--if-stale` leaves what is that of the present schema.
 */
import { spawnSync } from 'node:child_process'
import { resolve } from 'node:path'
import { isFresh, markFresh } from './stale.ts'

interface Generator {
  inputs: string[]
  output: string
  /** A program in node_modules, and its arguments. */
  command: [string, ...string[]]
}

const GENERATORS: readonly Generator[] = [
  {
    inputs: ['prisma/schema.prisma', 'prisma.config.ts', 'package-lock.json'],
    output: 'src/db/generated',
    command: ['prisma/build/index.js', 'generate', '--no-hints'],
  },
  {
    inputs: ['schema.graphql', 'tsconfig.json', 'package-lock.json'],
    output: 'src/client/generated',
    command: ['gql.tada/bin/cli.js', 'generate-output'],
  },
]

const root = resolve(import.meta.dirname, '..')

function generate({ inputs, output, command: [program, ...args] }: Generator): void {
  const result = spawnSync(process.execPath, [resolve(root, 'node_modules', program), ...args], {
    cwd: root,
    encoding: 'utf8',
    // Prisma's CLI downloads a schema engine that generating does not use. Naming any
    // existing executable stops the download; the client itself runs without that engine.
    env: { ...process.env, PRISMA_SCHEMA_ENGINE_BINARY: process.execPath, CHECKPOINT_DISABLE: '1' },
  })
  if (result.status !== 0) {
    process.stderr.write(`${result.stdout}${result.stderr}`)
    throw new Error(`${program} ${args[0]} failed; its output is above`)
  }
  markFresh(root, inputs, output)
}

export function generateIfStale(): void {
  for (const generator of GENERATORS) {
    if (!isFresh(root, generator.inputs, generator.output)) generate(generator)
  }
}

if (process.argv[1] === import.meta.filename) {
  if (process.argv.includes('--if-stale')) generateIfStale()
  else GENERATORS.forEach(generate)
}
