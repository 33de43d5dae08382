import { type Logger, pino } from 'pino'
import pretty from 'pino-pretty'
import type { Config } from './config.ts'

/** Structured lines for machines; readable ones where a person watches. */
export function createLogger(level: Config['logLevel']): Logger {
  if (!process.stdout.isTTY) return pino({ level })
  return pino({ level }, pretty({ sync: true, ignore: 'pid,hostname', translateTime: 'SYS:HH:MM:ss' }))
}
