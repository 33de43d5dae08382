import { type ChildProcess, execFile, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { cp, mkdir, mkdtemp, readdir, readFile, rm, symlink } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { basename, dirname, join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

const run = promisify(execFile)
const MOST_OUTPUT = 64 * 2 ** 20

const BASE = 'docker.io/library/node:22-bookworm-slim'
const IMAGE = 'localhost/vggzoo'
/** The authorities that this machine trusts, a company's own among them. */
const AUTHORITIES = '/etc/ssl/certs/ca-certificates.crt'

const has = (program: string) => spawnSync(program, ['--version']).status === 0
const canBuild = process.getuid?.() === 0 && has('buildah') && has('debootstrap')

/*
 * Docker's own base image cannot be had everywhere: one of Debian's packages and this machine's Node stands in its place.
 * All else is as the Dockerfile says.
 */
describe.skipIf(!canBuild)('the Docker image (as root; apt-get install buildah debootstrap)', () => {
  let folder: string
  const servers: Server[] = []

  const buildah = async (...args: string[]): Promise<string> => {
    const { stdout } = await run('buildah', [...rootOf(folder), ...args], { maxBuffer: MOST_OUTPUT })
    return stdout.trim()
  }

  /** An image of Debian and Node, by the name of the one that the Dockerfile begins with. */
  async function makeBase(): Promise<void> {
    const root = join(folder, 'debian')
    await run(
      'debootstrap',
      ['--variant=minbase', '--include=ca-certificates,libstdc++6', 'bookworm', root],
      {
        maxBuffer: MOST_OUTPUT,
      },
    )
    await placeNode(join(root, 'usr/local'))
    await cp(AUTHORITIES, join(root, AUTHORITIES))
    await run('chroot', [root, 'useradd', '--uid', '1000', '--create-home', 'node'])
    const container = await buildah('from', 'scratch')
    await buildah('add', '--quiet', container, root, '/')
    const path = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'
    const env = [`PATH=${path}`, `NODE_EXTRA_CA_CERTS=${AUTHORITIES}`].flatMap((it) => ['--env', it])
    await buildah('config', ...env, container)
    await buildah('commit', '--quiet', container, BASE)
    await buildah('rm', container)
  }

  beforeAll(async () => {
    folder = await mkdtemp('/var/tmp/vggzoo-image-')
    await makeBase()
    const file = ['--pull-never', '--format', 'docker', '--isolation', 'chroot', '--tag', IMAGE]
    await buildah('build', ...file, resolve(import.meta.dirname, '../..'))
  }, 1_800_000)
  afterAll(async () => {
    for (const server of servers) await server.stop()
    await rm(folder, { recursive: true, force: true })
  }, 600_000)

  /** What it does when it is run with these variables. */
  async function start(env: Record<string, string>): Promise<Server> {
    const container = await buildah('from', '--pull-never', IMAGE)
    const server = new Server(folder, container, env)
    servers.push(server)
    return server
  }

  test('has no tool that builds, runs as a user without rights, and keeps its data in a volume', async () => {
    const { config } = JSON.parse(await buildah('inspect', '--type', 'image', IMAGE)).Docker
    expect(config).toMatchObject({ User: 'node', Cmd: ['node', 'dist/main.js'], Volumes: { '/data': {} } })
    const container = await buildah('from', '--pull-never', IMAGE)
    const inside = (...args: string[]) => buildah('run', '--isolation', 'chroot', container, '--', ...args)
    await expect(inside('sh', '-c', 'command -v g++')).rejects.toThrow()
    expect(await inside('id', '-un')).toBe('node')
  })

  test('does not start for everyone who reaches it before it is told to', async () => {
    const server = await start({})
    const { code, lines } = await server.ended()
    expect(code).toBe(1)
    expect(lines.join('\n')).toMatch(/AUTH=tokens/)
  })

  test('lets its first token be made, answers who sends it, is healthy by its own word, and stops when it is told', async () => {
    const server = await start({ AUTH: 'tokens', PORT: '0' })
    const secret = /vgz_\S+/.exec(
      await server.inside('node', 'dist/cli/main.js', 'token', 'create', 'anna', '--role', 'admin'),
    )![0]
    const url = await server.ready()
    const ask = async (query: string, headers = {}) => {
      const body = JSON.stringify({ query })
      const asked = { method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body }
      return (await fetch(`${url}/graphql`, asked)).json()
    }
    expect(await ask('{ system { version } }')).toMatchObject({
      errors: [{ extensions: { code: 'UNAUTHENTICATED' } }],
    })
    const { version } = JSON.parse(await readFile(resolve(import.meta.dirname, '../../package.json'), 'utf8'))
    const known = { authorization: `Bearer ${secret}` }
    expect(await ask('{ system { version engine { kind } } }', known)).toEqual({
      // Compiled in the image.
      data: { system: { version, engine: { kind: 'NATIVE' } } },
    })
    expect(await server.healthCheck(new URL(url).port)).toBe('')
    const { code, lines: told } = await server.stop()
    expect(code).toBe(0)
    const lines = told.map((line) => JSON.parse(line))
    expect(lines).toContainEqual(expect.objectContaining({ msg: 'stopping', reason: 'SIGTERM' }))
    expect(lines.filter(({ level }) => level >= 50)).toEqual([])
  })
})

const rootOf = (folder: string) => [
  ...['--root', join(folder, 'store'), '--runroot', join(folder, 'run')],
  // Of an overlay there is not always one; copies do.
  ...['--storage-driver', 'vfs'],
]

/** Node with npm and its headers, as Docker's image has them. */
async function placeNode(prefix: string): Promise<void> {
  await cp(process.execPath, join(prefix, 'bin/node'))
  const npm = dirname(
    createRequire(join(process.execPath, '../../lib/node_modules/x')).resolve('npm/package.json'),
  )
  await cp(npm, join(prefix, 'lib/node_modules/npm'), { recursive: true })
  await symlink('../lib/node_modules/npm/bin/npm-cli.js', join(prefix, 'bin/npm'))
  await mkdir(join(prefix, 'include'), { recursive: true })
  const headers = join(process.execPath, '../../include/node')
  await cp(headers, join(prefix, 'include/node'), { recursive: true })
}

/** A container's process, which has the machine's network. */
class Server {
  readonly #folder: string
  readonly #container: string
  readonly #env: Record<string, string>
  #process: ChildProcess | null = null
  readonly #lines: string[] = []

  constructor(folder: string, container: string, env: Record<string, string>) {
    this.#folder = folder
    this.#container = container
    this.#env = env
  }

  #args(command: string[]): string[] {
    const env = Object.entries(this.#env).flatMap(([name, value]) => ['--env', `${name}=${value}`])
    return [
      ...rootOf(this.#folder),
      'run',
      '--isolation',
      'chroot',
      ...env,
      this.#container,
      '--',
      ...command,
    ]
  }

  async inside(...command: string[]): Promise<string> {
    return (await run('buildah', this.#args(command))).stdout.trim()
  }

  #start(): ChildProcess {
    this.#process ??= spawn('buildah', this.#args(['node', 'dist/main.js']), {
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    })
    return this.#process
  }

  /** Where it answers. */
  async ready(): Promise<string> {
    for await (const line of createInterface({ input: this.#start().stdout! })) {
      const url = /"url":"(http[^"]+)"/.exec(line)?.[1]
      if (url !== undefined) return url.replace('0.0.0.0', '127.0.0.1')
      this.#lines.push(line)
    }
    throw new Error(`It ended before it was ready:\n${this.#lines.join('\n')}`)
  }

  async ended(): Promise<{ code: number; lines: string[] }> {
    const child = this.#start()
    for (const stream of [child.stdout!, child.stderr!]) {
      createInterface({ input: stream }).on('line', (line) => this.#lines.push(line))
    }
    const [code] = await once(child, 'close')
    return { code, lines: this.#lines }
  }

  /** What its HEALTHCHECK prints; a check that fails throws. */
  async healthCheck(port: string): Promise<string> {
    const { stdout } = await run('buildah', [...rootOf(this.#folder), 'inspect', '--type', 'image', IMAGE])
    const [, ...command] = JSON.parse(stdout).Docker.config.Healthcheck.Test as string[]
    return this.inside('env', `PORT=${port}`, ...command)
  }

  /** @returns its exit code, and what it prints meanwhile */
  async stop(): Promise<{ code: number | null; lines: string[] }> {
    const child = this.#process
    const lines: string[] = []
    if (child === null || child.exitCode !== null) return { code: child?.exitCode ?? null, lines }
    createInterface({ input: child.stdout! }).on('line', (line) => lines.push(line))
    child.stderr!.resume()
    const closed = once(child, 'close')
    // Itself alone: what it prints comes through buildah, which would end at once.
    process.kill(await nodeUnder(child.pid!, 'dist/main.js'), 'SIGTERM')
    const [code] = await closed
    return { code, lines }
  }
}

/** The process that runs a script by Node, among those that a process started and they in their turn. */
async function nodeUnder(ancestor: number, script: string): Promise<number> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number)
  const about = (pid: number, file: string) => readFile(`/proc/${pid}/${file}`, 'utf8').catch(() => '')
  const parents = new Map<number, number>()
  for (const pid of pids) {
    const stat = await about(pid, 'stat')
    // Behind the name in brackets: state, parent (proc(5)).
    parents.set(pid, Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]))
  }
  for (const pid of pids) {
    const [program, argument] = (await about(pid, 'cmdline')).split('\0')
    if (basename(program!) !== 'node' || argument !== script) continue
    for (let at = parents.get(pid); at !== undefined; at = parents.get(at)) if (at === ancestor) return pid
  }
  throw new Error(`No process under ${ancestor} runs "${script}".`)
}
