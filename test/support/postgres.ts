/** A throwaway PostgreSQL for tests: Debian's binaries, data in a temporary folder, one TCP port on 127.0.0.1. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chownSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

export interface Postgres {
  /** Of a database named `test`, in UTF-8, empty. */
  url: string
  /** Makes another empty database in the same server and returns its URL. */
  createDatabase(name: string): string
  /** Runs SQL as the superuser and returns psql's unaligned output. */
  psql(sql: string, database?: string): string
  /** Ends it as pg_ctl's mode does: "fast" tells its sessions, "immediate" is a crash. */
  shutDown(mode: 'fast' | 'immediate'): Promise<void>
  /** The same server again, after it was shut down. */
  start(): Promise<void>
  stop(): Promise<void>
}

const INSTALLED = '/usr/lib/postgresql'

/** Where CI is set, a missing PostgreSQL is a failure of startPostgres(), never a skipped test. */
export function postgresAvailable(): boolean {
  return process.env.CI !== undefined || binaries() !== null
}

export async function startPostgres(): Promise<Postgres> {
  const bin = binaries()
  if (!bin) throw new Error(`no PostgreSQL under ${INSTALLED}: apt-get install postgresql`)
  const home = mkdtempSync(join(tmpdir(), 'vggzoo-postgres-'))
  const data = join(home, 'data')
  // initdb and postgres refuse to run as root.
  const user = process.getuid?.() === 0 ? { uid: idOf('-u'), gid: idOf('-g') } : {}
  if (user.uid !== undefined && user.gid !== undefined) chownSync(home, user.uid, user.gid)
  const options = { ...user, cwd: home, env: { PATH: process.env.PATH, LC_ALL: 'C.UTF-8' } }

  execFileSync(join(bin, 'initdb'), ['-D', data, '-U', 'test', '-E', 'UTF8', '--auth=trust', '--no-sync'], {
    ...options,
    stdio: 'pipe',
  })
  const port = await freePort()
  const settings = [
    `port=${port}`,
    'listen_addresses=127.0.0.1',
    `unix_socket_directories=${home}`,
    'fsync=off',
  ]
  const args = ['-D', data, ...settings.flatMap((setting) => ['-c', setting])]
  let server: ChildProcess
  const start = async () => {
    server = spawn(join(bin, 'postgres'), args, { ...options, stdio: ['ignore', 'ignore', 'pipe'] })
    await ready(server)
  }
  const shutDown = async (mode: 'fast' | 'immediate') => {
    const exited = once(server, 'exit')
    server.kill(mode === 'fast' ? 'SIGINT' : 'SIGQUIT')
    await exited
  }
  await start()

  const psql = (sql: string, database = 'postgres') =>
    execFileSync(
      join(bin, 'psql'),
      [
        '-XAtq',
        '-v',
        'ON_ERROR_STOP=1',
        '-h',
        home,
        '-p',
        String(port),
        '-U',
        'test',
        '-d',
        database,
        '-c',
        sql,
      ],
      { ...options, encoding: 'utf8' },
    ).trim()
  const createDatabase = (name: string) => {
    psql(`CREATE DATABASE "${name}"`)
    return `postgresql://test@127.0.0.1:${port}/${name}`
  }
  const url = createDatabase('test')
  return {
    url,
    createDatabase,
    psql,
    shutDown,
    start,
    async stop() {
      if (server.exitCode === null && server.signalCode === null) await shutDown('fast')
      rmSync(home, { recursive: true, force: true })
    },
  }
}

function binaries(): string | null {
  if (!existsSync(INSTALLED)) return null
  const versions = readdirSync(INSTALLED).sort((a, b) => Number(b) - Number(a))
  const folders = versions.map((version) => join(INSTALLED, version, 'bin'))
  return folders.find((folder) => existsSync(join(folder, 'initdb'))) ?? null
}

function idOf(flag: '-u' | '-g'): number {
  return Number(execFileSync('id', [flag, 'postgres'], { encoding: 'utf8' }))
}

/** Resolves when the server says that it takes connections; rejects with its log when it ends before that. */
function ready(server: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    const log: string[] = []
    const lines = createInterface({ input: server.stderr! })
    lines.on('line', (line) => {
      log.push(line)
      if (line.includes('ready to accept connections')) resolve()
    })
    server.once('exit', () => reject(new Error(`postgres ended:\n${log.join('\n')}`)))
  })
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const probe = createServer().listen(0, '127.0.0.1', () => {
      const address = probe.address()
      probe.close(() => resolve(address !== null && typeof address === 'object' ? address.port : 0))
    })
  })
}
