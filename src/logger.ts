import { type Logger, pino } from 'pino'
import { prettyFactory } from 'pino-pretty'
import type { Config } from './config.ts'

/** Characters that wait for a disk that is full; what comes beyond is not logged. */
const MAX_WAITING = 2 ** 20

/** Structured lines for machines; readable ones where a person watches. */
export function createLogger(level: Config['logLevel']): Logger {
  const output = pino.destination({ dest: 1, sync: true, maxLength: MAX_WAITING })
  // A terminal that was closed, a pipe that nobody reads any more, a full disk: a server that cannot say what it does goes
  // on doing it, to its orderly end.
  output.on('error', () => {})
  const options = { level, serializers: { err: serialized } }
  if (!process.stdout.isTTY) return pino(options, output)
  const readable = prettyFactory({ ignore: 'pid,hostname', translateTime: 'SYS:HH:MM:ss' })
  return pino(options, { write: (line) => void output.write(readable(line)) })
}

/** esbuild puts _ before the name of a class that refers to itself, and Pino tells that name as the type of an error. */
function serialized(error: unknown): unknown {
  if (!(error instanceof Error)) return error
  const told = pino.stdSerializers.err(error)
  told.type = told.type.replace(/^_+/, '')
  return told
}
