import type { ParseArgsConfig } from 'node:util'
import type { Client } from '../client/node.ts'
import type { Screen } from './terminal.ts'

/** What was asked for was not done: said as it is, exit code 1. */
export class Failure extends Error {}
/** The command line says something else than it can: exit code 2. */
export class UsageError extends Error {}

/** By Ctrl-C, as shells number it. */
export const INTERRUPTED = 130

export interface Option {
  /** What its value is called in the help; a flag has none. */
  value?: string
  help: string
  multiple?: boolean
}

export interface Invocation {
  client: Client
  /** Whether a server was named, or a token for it; else the client's is the usual one on this machine. */
  isNamed: boolean
  screen: Screen
  positionals: string[]
  /** Whether programs read what is printed. */
  json: boolean
  flag(name: string): boolean
  text(name: string): string | undefined
  /** A whole number above 0, unless another least one is given. */
  whole(name: string, least?: number): number | undefined
  number(name: string): number | undefined
  list(name: string): string[]
}

export interface Command {
  name: string
  /** Its positional arguments, as the help writes them. */
  takes: string
  summary: string
  /** Paragraphs of the help, behind the summary. */
  more?: string
  options: Readonly<Record<string, Option>>
  /** How many positional arguments it takes. */
  count: { least: number; most: number }
  /** Resolves with the exit code. */
  run(invocation: Invocation): Promise<number>
}

export function parseOptions(options: Command['options']): NonNullable<ParseArgsConfig['options']> {
  return Object.fromEntries(
    Object.entries(options).map(([name, { value, multiple = false }]) => [
      name,
      { type: value === undefined ? ('boolean' as const) : ('string' as const), multiple },
    ]),
  )
}
