import { execFile } from 'node:child_process'
import { resolve } from 'node:path'

const MAIN = resolve(import.meta.dirname, '../../dist/cli/main.js')

export interface CliAnswer {
  /** The exit code. */
  code: number
  out: string
  err: string
}

/** Runs `vggzoo`, compiled, with nothing in its environment that names a server but what is given. */
export function vggzoo(args: readonly string[], given: NodeJS.ProcessEnv = {}): Promise<CliAnswer> {
  const { VGGZOO_URL, DATA_DIR, DATABASE_URL, PORT, ...rest } = process.env
  return new Promise((done) => {
    // As test servers: what V8 would compile better is over before it pays.
    execFile(
      process.execPath,
      ['--liftoff-only', MAIN, ...args],
      { env: { ...rest, ...given } },
      (error, out, err) => done({ code: error === null ? 0 : Number(error.code), out, err }),
    )
  })
}
