import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, watch } from 'node:fs'
import { createServer, type IncomingMessage, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { placeMigratedDatabase } from '../support/embedded-database.ts'
import { isStatus, startRun, waitForEvent } from '../support/runs.ts'
import { spawnServer, startServer, stopServers, type TestServer } from '../support/server.ts'

afterAll(stopServers)

const MAIN = resolve(import.meta.dirname, '../../dist/main.js')
const CHECKPOINTS = 'query ($id: ID!) { trainingRun(id: $id) { checkpoints { id step } } }'
const REGISTER = `mutation ($input: RegisterModelInput!) {
  registerModel(input: $input) { ... on ModelVersion { id downloads { layersModel { url } } } ... on Error { message } }
}`
/** One that ends no epoch and saves nothing by itself. */
const LONG = { epochs: 100, trainLimit: 10_000, testLimit: 10 }

/** Of a line of the log, as pino numbers levels. */
const ERROR = 50

/** The processes of a group that are not over; none on a system without /proc. */
function processesOf(group: number): number[] {
  if (!existsSync('/proc/self/stat')) return []
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        // After the name in brackets, which may hold anything: state, parent, group.
        const [state, , its] = readFileSync(`/proc/${pid}/stat`, 'utf8')
          .replace(/^.*\) /s, '')
          .split(' ')
        return Number(its) === group && state !== 'Z'
      } catch {
        return false
      }
    })
    .map(Number)
}

/** Waits for a step behind this one to be trained, and answers how far the run is. */
async function trained(server: TestServer, id: string, after: number): Promise<number> {
  const event = await waitForEvent(server, id, ({ points }) => points?.at(-1).step > after)
  return event.points.at(-1).step
}

describe('a server whose whole process group is told to stop, as a terminal does it,', () => {
  let server: TestServer
  let id: string

  test('loses no step of the run at work, which goes on from there', async () => {
    server = await startServer()
    id = await startRun(server, LONG)
    let saved = 0
    // npm passes on to the server what came to both; a terminal that is closed and a service manager have their own.
    for (const signals of [
      ['SIGINT', 'SIGINT'],
      ['SIGHUP', 'SIGTERM', 'SIGHUP'],
    ] as const) {
      const reached = await trained(server, id, saved)
      expect(await server.stopGroup(...signals)).toBe(0)
      expect(processesOf(server.pid)).toEqual([])
      server = await startServer({ dataDir: server.dataDir })
      const { trainingRun } = await server.query(CHECKPOINTS, { id })
      saved = Math.max(...trainingRun.checkpoints.map(({ step }: { step: number }) => step))
      expect(saved).toBeGreaterThanOrEqual(reached)
    }
  })

  test('ends whatever is under way, tells who waits, and leaves no process', async () => {
    await waitForEvent(server, id, (event) => isStatus('RUNNING')(event) && event.attempt === 3)
    const { trainingRun } = await server.query(CHECKPOINTS, { id })
    const weights = { checkpointId: trainingRun.checkpoints[0].id }
    const { registerModel } = await server.query(REGISTER, { input: { name: 'unfinished', weights } })
    const ask = (query: string) => server.query(query)
    const upload = request(`${server.url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'multipart/form-data; boundary=x', 'x-graphql-yoga-csrf': '1' },
    })
    upload.write('--x\r\ncontent-disposition: form-data; name="operations"\r\n\r\n{')
    const waiting = [
      once(upload, 'response'),
      ask(`mutation { evaluateModel(id: "${registerModel.id}") { __typename } }`),
      fetch(server.url + registerModel.downloads.layersModel.url).then((response) => response.bytes()),
      // Of a step that is sure to be trained by now.
      ask(`mutation { verifyReproduction(id: "${id}", steps: 1) { __typename } }`),
      // More than are answered before the database closes.
      ...Array.from({ length: 50 }, () =>
        ask('mutation { predict(input: { image: { sample: { index: 1 } } }) { __typename } }'),
      ),
    ]
    const fault = server.logged(({ level }) => level === ERROR).catch(() => null)
    const settled = Promise.allSettled(waiting)
    const suspended = waitForEvent(server, id, (event) => isStatus('QUEUED')(event) && event.attempt === 3)
    await server.logged(({ msg }) => msg === 'verification started')
    expect(await server.stopGroup('SIGINT')).toBe(0)
    expect(processesOf(server.pid)).toEqual([])
    expect((await suspended).failure.code).toBe('SERVER_STOPPED')
    await settled
    // What is cut off is no fault of the server.
    expect(await fault).toBeNull()
  })
})

test('a server that is told to stop while it fetches a data set does so, and the fetch with it', async () => {
  const registry = createServer(() => {}).listen(0, '127.0.0.1')
  await once(registry, 'listening')
  const asked = once(registry, 'request')
  const { port } = registry.address() as AddressInfo
  const npm = { npm_config_registry: `http://127.0.0.1:${port}/`, npm_config_cache: tmpdir() }
  const server = await startServer({ dataset: false, env: npm })
  await startRun(server)
  const [request] = (await asked) as [IncomingMessage]
  const cut = once(request.socket, 'close')
  expect(await server.stopGroup('SIGINT')).toBe(0)
  expect(processesOf(server.pid)).toEqual([])
  await cut
  registry.close()
})

test('a server that is told to stop while it starts takes apart what it has', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'vggzoo-stop-'))
  await placeMigratedDatabase(join(folder, 'database'))
  const claimed = new Promise<void>((resolve) => {
    const watcher = watch(folder, (_event, name) => {
      if (name !== 'owner.sock') return
      watcher.close()
      resolve()
    })
  })
  const server = spawnServer({ DATA_DIR: folder })
  let said = ''
  server.stdout?.setEncoding('utf8').on('data', (text: string) => (said += text))
  server.stderr?.setEncoding('utf8').on('data', (text: string) => (said += text))
  await claimed
  process.kill(-server.pid!, 'SIGINT')
  expect(await once(server, 'close')).toEqual([0, null])
  expect(said).toMatch(/"reason":"SIGINT","msg":"stopping"/)
  expect(said).not.toMatch(/vggzoo is ready|cannot start/)
  expect(processesOf(server.pid!)).toEqual([])
  rmSync(folder, { recursive: true })
})

const isLinux = process.platform === 'linux'
test.runIf(isLinux)(
  'a server whose terminal is closed has nobody to tell, and stops all the same',
  async () => {
    const folder = mkdtempSync(join(tmpdir(), 'vggzoo-terminal-'))
    await placeMigratedDatabase(join(folder, 'database'))
    const status = join(folder, 'status')
    const written = new Promise<void>((resolve) => {
      const watcher = watch(folder, (_event, name) => {
        if (name !== 'status') return
        watcher.close()
        resolve()
      })
    })
    // The first shell ends with its terminal, at which the others hear of it; the second one says how the server ended.
    const server = `${process.execPath} ${MAIN}`
    const command = `(trap : HUP; ${server}; echo $? > ${status}.new; mv ${status}.new ${status}); true`
    const terminal = spawn('script', ['-qfc', command, '/dev/null'], {
      env: { ...process.env, DATA_DIR: folder, PORT: '0', LOG_LEVEL: 'info' },
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    let shown = ''
    await new Promise<void>((resolve) =>
      terminal.stdout.setEncoding('utf8').on('data', (text: string) => {
        shown += text
        if (/vggzoo is ready/.test(shown)) resolve()
      }),
    )
    terminal.kill('SIGKILL')
    await written
    expect(readFileSync(status, 'utf8')).toBe('0\n')
    rmSync(folder, { recursive: true })
  },
)
