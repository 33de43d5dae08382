#!/usr/bin/env node
/** `vggzoo`: the command line, over the client. */
import { createClient } from '../client/node.ts'
import { type Command, UsageError } from './command.ts'
import { backup } from './commands/backup.ts'
import { check } from './commands/check.ts'
import { cancel, pause, resume } from './commands/control.ts'
import { dataset } from './commands/dataset.ts'
import { exportModel } from './commands/export.ts'
import { importModel } from './commands/import.ts'
import { models } from './commands/models.ts'
import { predict } from './commands/predict.ts'
import { restore } from './commands/restore.ts'
import { runs } from './commands/runs.ts'
import { start } from './commands/start.ts'
import { token } from './commands/token.ts'
import { watch } from './commands/watch.ts'
import { helpOf, overview, parse } from './parse.ts'
import { serverUrl } from './server-url.ts'
import { createScreen } from './terminal.ts'
import { variable } from './variable.ts'

const COMMANDS: readonly Command[] = [
  runs,
  start,
  watch,
  pause,
  resume,
  cancel,
  predict,
  models,
  importModel,
  exportModel,
  dataset,
  token,
  backup,
  restore,
  check,
]

// Who reads may have read enough: `vggzoo runs | head -1`.
process.stdout.on('error', () => process.exit(process.exitCode ?? 0))
process.exitCode = await main(process.argv.slice(2))

async function main([name, ...args]: string[]): Promise<number> {
  const screen = createScreen()
  try {
    if (name === undefined) throw new UsageError(overview(COMMANDS))
    if (['help', '--help', '-h'].includes(name)) {
      screen.print(overview(COMMANDS))
      return 0
    }
    const command = COMMANDS.find((it) => it.name === name)
    if (command === undefined) throw new UsageError(`There is no command "${name}".\n\n${overview(COMMANDS)}`)
    const parsed = parse(command, args)
    if (parsed.flag('help')) {
      screen.print(helpOf(command))
      return 0
    }
    const token = variable('VGGZOO_TOKEN')
    const url = serverUrl(parsed.text('url'), process.env)
    const isNamed = Boolean(parsed.text('url') || variable('VGGZOO_URL') || token)
    if (!/^https?:\/\/./.test(url) || !URL.canParse(url)) {
      throw new UsageError(`The server's address must begin with http:// or https://, not be "${url}".`)
    }
    const client = createClient({ url, token })
    try {
      return await command.run({ ...parsed, client, isNamed, screen })
    } finally {
      client.dispose()
    }
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
    if (error instanceof UsageError) return 2
    // A bug of ours is worth its place.
    if (error instanceof TypeError || error instanceof RangeError) process.stderr.write(`${error.stack}\n`)
    return 1
  }
}
