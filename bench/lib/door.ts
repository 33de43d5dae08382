/** Finds the benches, reads what they are asked, and lists them. */
import { readdirSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'
import { type Bench, UsageError } from './bench.ts'

const FOLDER = resolve(import.meta.dirname, '..')
const DOOR = 'run'

/** Of all benches, in alphabetical order: the files beside run.ts. */
export function benchNames(): string[] {
  return readdirSync(FOLDER)
    .filter((file) => file.endsWith('.ts'))
    .map((file) => file.slice(0, -'.ts'.length))
    .filter((name) => name !== DOOR)
    .sort()
}

export async function loadBench(name: string): Promise<Bench> {
  const { bench } = (await import(pathToFileURL(join(FOLDER, `${name}.ts`)).href)) as { bench?: Bench }
  if (bench === undefined) throw new Error(`bench/${name}.ts exports no bench.`)
  return bench
}

/** A line for each bench. */
export async function describeAll(): Promise<string> {
  const rows = [['NAME', 'MEASURES', 'TAKES', 'NEEDS']]
  for (const name of benchNames()) {
    const { measures, takes, needs } = await loadBench(name)
    rows.push([name, measures, takes, needs ?? '-'])
  }
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)))
  const lines = rows.map((row) => `  ${row.map((cell, column) => cell.padEnd(widths[column])).join('  ')}`)
  return [
    'npm run bench -- NAME [options]    (--help behind a NAME lists its options)',
    '',
    ...lines.map((line) => line.trimEnd()),
  ].join('\n')
}

export function describe(name: string, { measures, takes, needs, options = {} }: Bench): string {
  const entries = Object.entries(options)
  const width = Math.max(0, ...entries.map(([option]) => option.length))
  return [
    `npm run bench -- ${name}${entries.length > 0 ? ' [options]' : ''}`,
    `Measures ${measures}.`,
    `Takes ${takes}${needs === null ? '' : `; needs ${needs}`}.`,
    ...entries.map(([option, what]) => `  --${option.padEnd(width)}  ${what}`),
  ].join('\n')
}

/**
 * @param environment  where BENCH_NAME stands for --name
 * @returns null where --help was asked for
 * @throws UsageError for an option that the bench has not
 */
export function readOptions(
  { options = {} }: Bench,
  args: readonly string[],
  environment: NodeJS.ProcessEnv,
): Record<string, string> | null {
  const names = Object.keys(options)
  let values: Record<string, string | boolean | undefined>
  try {
    values = parseArgs({
      args: [...args],
      options: {
        help: { type: 'boolean', short: 'h' },
        ...Object.fromEntries(names.map((name) => [name, { type: 'string' as const }])),
      },
    }).values
  } catch (error) {
    throw new UsageError((error as Error).message)
  }
  if (values.help === true) return null
  const said = names.map((name) => [name, values[name] ?? environment[`BENCH_${name.toUpperCase()}`]])
  return Object.fromEntries(said.filter(([, value]) => value !== undefined))
}
