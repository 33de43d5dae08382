import { parseArgs } from 'node:util'
import { type Command, type Invocation, type Option, parseOptions, UsageError } from './command.ts'

/** Options of every command. */
export const COMMON: Readonly<Record<string, Option>> = {
  url: { value: 'URL', help: 'the server (VGGZOO_URL, else http://localhost:4000)' },
  json: { help: 'prints JSON, for programs' },
  help: { help: 'prints this' },
}

export type Parsed = Omit<Invocation, 'client' | 'isNamed' | 'screen'>

/** @throws UsageError that says what the command does not know or lacks */
export function parse(command: Command, args: string[]): Parsed {
  const { values, positionals } = parseOf(command, args)
  const text = (name: string) => values[name] as string | undefined
  const numberOf = (name: string, isRight: (value: number) => boolean, kind: string) => {
    const given = text(name)
    if (given === undefined) return undefined
    const value = Number(given)
    if (given.trim() === '' || !isRight(value))
      throw new UsageError(`--${name} must be ${kind}, not "${given}".`)
    return value
  }
  const { least, most } = command.count
  if (!values.help && (positionals.length < least || positionals.length > most)) {
    throw new UsageError(`vggzoo ${command.name} takes ${command.takes || 'no arguments'}.`)
  }
  return {
    positionals,
    json: values.json === true,
    flag: (name) => values[name] === true,
    text,
    whole: (name, lowest = 1) =>
      numberOf(
        name,
        (value) => Number.isInteger(value) && value >= lowest,
        `a whole number ${lowest === 1 ? 'above 0' : `from ${lowest} on`}`,
      ),
    number: (name) => numberOf(name, Number.isFinite, 'a number'),
    list: (name) => (values[name] as string[] | undefined) ?? [],
  }
}

function parseOf(command: Command, args: string[]) {
  try {
    const options = parseOptions({ ...command.options, ...COMMON })
    return parseArgs({ args, options, allowPositionals: true })
  } catch (error) {
    throw new UsageError(
      `${(error as Error).message.split('. ')[0]}. vggzoo ${command.name} --help tells what there is.`,
    )
  }
}

export function helpOf({ name, takes, summary, more, options }: Command): string {
  const rows = Object.entries({ ...options, ...COMMON }).map(([option, { value, help }]) => [
    `--${option}${value === undefined ? '' : ` ${value}`}`,
    help,
  ])
  const width = Math.max(...rows.map(([option]) => option.length))
  return [
    `vggzoo ${name}${takes === '' ? '' : ` ${takes}`} [options]`,
    '',
    summary,
    ...(more === undefined ? [] : ['', more]),
    '',
    ...rows.map(([option, help]) => `  ${option.padEnd(width)}  ${help}`),
  ].join('\n')
}

export function overview(commands: readonly Command[]): string {
  const rows = commands.map(({ name, takes, summary }) => [`${name} ${takes}`.trimEnd(), summary])
  const width = Math.max(...rows.map(([usage]) => usage.length))
  return [
    'vggzoo COMMAND [options]',
    '',
    ...rows.map(([usage, summary]) => `  ${usage.padEnd(width)}  ${summary}`),
    '',
    'vggzoo COMMAND --help tells more. RUN is the number of a run, or its id; MODEL is a name, NAME@ALIAS or NAME/VERSION.',
    'The server is that at --url or VGGZOO_URL, else http://localhost:4000.',
    'VGGZOO_TOKEN is sent to it, where it wants to know who asks.',
    'Exit codes: 0 done, 1 not done, 2 a command line that is wrong, 130 left by Ctrl-C.',
  ].join('\n')
}
