import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { extname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { promisify } from 'node:util'
import { chromium } from 'playwright-core'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { startRun } from '../../support/runs.ts'
import { startServer, stopServers, type TestServer } from '../../support/server.ts'

const root = join(import.meta.dirname, '../../..')
const exec = promisify(execFile)
/** Only for who works on vggzoo: whoever installs it has none of them. */
const NOT_INSTALLED = [
  '.bin',
  '.cache',
  '.package-lock.json',
  'gql.tada',
  '@gql.tada',
  '@0no-co',
  'typescript',
  '@types',
]

/** A folder with the package as npm packs it, its dependencies beside it. */
let folder: string
let site: Server
let server: TestServer
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'vggzoo-package-'))
  await install(folder)
  site = await serve(folder)
  const origin = `http://localhost:${(site.address() as AddressInfo).port}`
  server = await startServer({ dataset: 'tiny', env: { ALLOWED_ORIGINS: origin } })
})
afterAll(async () => {
  site?.close()
  await stopServers()
  rmSync(folder, { recursive: true, force: true })
})

/** What `npm install` of the packed file makes, without the network that it would ask for what the dependencies are. */
async function install(target: string): Promise<void> {
  await exec('npm', ['pack', '--pack-destination', target], { cwd: root })
  const [packed] = readdirSync(target)
  const modules = join(target, 'node_modules')
  mkdirSync(join(modules, 'vggzoo'), { recursive: true })
  await exec('tar', ['-xzf', join(target, packed!), '-C', join(modules, 'vggzoo'), '--strip-components=1'])
  for (const name of readdirSync(join(root, 'node_modules'))) {
    if (!NOT_INSTALLED.includes(name)) symlinkSync(join(root, 'node_modules', name), join(modules, name))
  }
  writeFileSync(join(target, 'package.json'), '{"type":"module"}')
}

/** `vggzoo` as npm links it. */
function vggzoo(args: string[], env: NodeJS.ProcessEnv = {}) {
  const { bin } = JSON.parse(readFileSync(join(folder, 'node_modules/vggzoo/package.json'), 'utf8'))
  const child = spawn(process.execPath, [join(folder, 'node_modules/vggzoo', bin.vggzoo), ...args], {
    cwd: folder,
    env: { ...process.env, VGGZOO_URL: server.url, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  onTestFinished(() => void child.kill('SIGKILL'))
  const lines: string[] = []
  const listeners = new Set<(line: string) => void>()
  let stderr = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
  })
  createInterface({ input: child.stdout }).on('line', (line) => {
    lines.push(line)
    for (const listener of listeners) listener(line)
  })
  return {
    ended: once(child, 'close').then(([code]) => ({
      code: code as number,
      stdout: lines.join('\n'),
      stderr,
    })),
    printed: (accept: RegExp) =>
      new Promise<void>((resolve) => listeners.add((line) => void (accept.test(line) && resolve()))),
    kill: (signal: NodeJS.Signals) => child.kill(signal),
  }
}

async function json(args: string[]) {
  const { code, stdout, stderr } = await vggzoo([...args, '--json']).ended
  expect(stderr).toBe('')
  expect(code).toBe(0)
  return JSON.parse(stdout)
}

const SHORT = ['--dataset', 'tiny', '--learning-rate', '0.02', '--batch-size', '16', '--log-every', '1']

describe('the command line', () => {
  test('trains, watches, lists, saves, imports and classifies', async () => {
    const started = await vggzoo(['start', 'vgg_mini', ...SHORT, '--epochs', '1', '--watch']).ended
    expect(started.stderr).toBe('')
    expect(started.stdout).toMatch(/^Run #1: .* \d+,\d+ parameters\.$/m)
    expect(started.stdout).toMatch(/^COMPLETED step 15\/15 loss \d\.\d{3}/m)
    expect(started.stdout).toMatch(/^Accuracy on 60 test images: \d+\.\d %$/m)
    expect(started.stdout).not.toContain('\x1b')
    expect(started.code).toBe(0)

    const [run] = await json(['runs'])
    expect(run).toMatchObject({ number: 1, status: 'COMPLETED', progress: { step: 15 } })
    expect((await vggzoo(['runs']).ended).stdout).toMatch(/^1 {2}COMPLETED {2}vgg_mini {2}vgg_mini {2}1\/1 /m)
    const watched = await vggzoo(['watch', '1', '--json']).ended
    const events = watched.stdout.split('\n').map((line) => JSON.parse(line))
    expect(events.at(-1)).toMatchObject({ __typename: 'StatusChanged', status: 'COMPLETED' })
    const [, first] = events
    const rest = await vggzoo(['watch', run.id, '--json', '--after', first.cursor]).ended
    expect(rest.stdout.split('\n')).toHaveLength(events.length - 2)

    const [model] = await json(['models'])
    expect(model).toMatchObject({ name: 'vgg_mini', versions: 1, newest: { version: 1 } })
    expect((await vggzoo(['models', 'vgg_mini']).ended).stdout).toMatch(/run #1/)
    const saved = await json(['export', 'vgg_mini', '--output', 'weights.safetensors'])
    expect(saved.files).toEqual(['weights.safetensors'])
    const layers = await json(['export', 'vgg_mini/1', '--format', 'layers-model', '--output', 'layers'])
    expect(layers.files).toEqual(['layers/model.json', 'layers/weights.bin'])
    for (const file of [...saved.files, ...layers.files]) expect(existsSync(join(folder, file))).toBe(true)
  })

  test('imports what it saved, and classifies pictures with it, also where one is none', async () => {
    const files = ['layers/model.json', 'layers/weights.bin']
    const imported = await json(['import', 'shapes', 'vgg_mini', ...files, '--labels', 'a,b,c'])
    expect(imported).toMatchObject({ version: 1, model: { name: 'shapes' } })
    const { code, stdout, stderr } = await vggzoo(['import', 'shapes', 'vgg11', ...files]).ended
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
    expect(stderr).not.toBe('')

    const picture = sharp({ create: { width: 24, height: 16, channels: 3, background: '#c02020' } })
    await picture.png().toFile(join(folder, 'red.png'))
    writeFileSync(join(folder, 'letter.txt'), 'Dear zoo')
    const answer = await vggzoo(['predict', 'none.png', 'red.png', 'letter.txt', '--model', 'vgg_mini']).ended
    expect(answer.code).toBe(1)
    expect(answer.stdout).toMatch(/^none\.png: There is no such file\.$/m)
    expect(answer.stdout).toMatch(
      /^red\.png \(vgg_mini\/1, \d+ ms\):\n {2}(red disc|green square|blue triangle) +[█░]{20} /m,
    )
    expect(answer.stdout).toMatch(/^letter\.txt: .*not a picture/m)
    const [best] = await json(['predict', 'red.png', '--run', '1', '--top', '1'])
    expect(best).toMatchObject({ file: 'red.png', probabilities: [{ probability: expect.any(Number) }] })
  })

  test('pauses, resumes and cancels a run; Ctrl-C leaves one that is watched, which goes on', async () => {
    const { number } = await json(['start', 'vgg_mini', ...SHORT, '--epochs', '10000'])
    const watching = vggzoo(['watch', String(number)])
    await watching.printed(/RUNNING step \d+\/\d+ loss/)
    watching.kill('SIGINT')
    const left = await watching.ended
    expect(left.code).toBe(130)
    expect(left.stderr).toBe(`Left run ${number}, which goes on. vggzoo watch ${number} shows it again.\n`)
    expect(await json(['pause', String(number)])).toMatchObject({ status: 'PAUSED' })
    expect((await vggzoo(['pause', String(number)]).ended).code).toBe(1)
    expect(['QUEUED', 'PREPARING']).toContain((await json(['resume', String(number)])).status)
    const cancelled = await vggzoo(['cancel', String(number)]).ended
    expect(cancelled.stdout).toMatch(new RegExp(`^Run #${number} is CANCELLED at step \\d+ of 150000\\.$`))
    const watched = await vggzoo(['watch', String(number)]).ended
    expect(watched).toMatchObject({ code: 1, stderr: 'The run is CANCELLED.\n' })
  })

  test('helps, and says with exit code 2 what is wrong with a command line, with 1 what could not be done', async () => {
    const commands = [
      'runs',
      'start',
      'watch',
      'pause',
      'resume',
      'cancel',
      'predict',
      'models',
      'import',
      'export',
    ]
    const helps = await Promise.all(commands.map((name) => vggzoo([name, '--help']).ended))
    for (const [index, help] of helps.entries()) {
      expect(help).toMatchObject({ code: 0, stderr: '' })
      expect(help.stdout).toMatch(new RegExp(`^vggzoo ${commands[index]}\\b[^]*--json`))
    }
    const wrong = [
      [],
      ['fly'],
      ['watch'],
      ['runs', '--status', 'TIRED'],
      ['runs', '--limit', 'few'],
      ['runs', '--colour'],
      ['start', 'vgg_mini', '--input', '[]'],
      ['runs', '--url', 'zoo'],
      ['predict', 'red.png', '--run', '1', '--model', 'm'],
    ]
    for (const { code, stdout, stderr } of await Promise.all(wrong.map((args) => vggzoo(args).ended))) {
      expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
      expect(stderr).not.toMatch(/ {4}at /)
    }
    const undone = [
      ['watch', '999'],
      ['watch', 'nightly'],
      ['cancel', 'TW9kZWw6MQ=='],
      ['models', 'nobody'],
      ['export', 'vgg_mini@nobody'],
      ['start', 'vgg17'],
      ['runs', '--url', 'http://127.0.0.1:9'],
    ]
    for (const { code, stderr } of await Promise.all(undone.map((args) => vggzoo(args).ended))) {
      expect(code).toBe(1)
      expect(stderr.trim().split('\n')).toHaveLength(1)
      expect(stderr).not.toMatch(/id of this API|id field/)
    }
    expect((await vggzoo(['pause', 'nightly']).ended).stderr).toBe(
      'There is no run "nightly". Name one by its number or its id: vggzoo runs lists those that there are.\n',
    )
  })
})

describe("import 'vggzoo/client'", () => {
  test('in Node queries and follows a run, with no WebSocket but the one that it brings along', async () => {
    const id = await startRun(server, { dataset: 'tiny', learningRate: 0.02 })
    const program = `
      import { createClient, OperationError } from 'vggzoo/client'
      const client = createClient({ url: ${JSON.stringify(server.url)} })
      const { system } = await client.query('{ system { version } }')
      let points = 0
      for await (const event of client.follow(${JSON.stringify(id)}))
        if (event.__typename === 'LossPoints') points += event.points.length
      const refused = await client.query('{ nothing }').catch((error) => error instanceof OperationError)
      client.dispose()
      console.log(JSON.stringify({ version: system.version, points, refused}))`
    writeFileSync(join(folder, 'program.mjs'), program)
    const { stdout } = await exec(process.execPath, ['program.mjs'], { cwd: folder })
    expect(JSON.parse(stdout)).toMatchObject({ version: '0.1.0', points: 4, refused: true })
  })

  test('is typed without any library of ours', async () => {
    const program = `
      import { type Client, createClient, type RunEvent } from 'vggzoo/client'
      const client: Client = createClient({ url: 'http://localhost:4000' })
      export async function losses(id: string): Promise<(number | null)[]> {
        const found: (number | null)[] = []
        for await (const event of client.follow(id))
          if (event.__typename === 'LossPoints') found.push(...event.points.map(({ loss }) => loss))
        return found
      }
      // @ts-expect-error An event is no string.
      export const wrong = (event: RunEvent): string => event.__typename === 'LossPoints' ? event.points : ''
      export const status = async () => (await client.query<{ n: number }, { id: string }>('', { id: '' })).n.toFixed()`
    writeFileSync(join(folder, 'typed.ts'), program)
    const options = '--noEmit --strict --target es2022 --lib es2023,dom --module nodenext'.split(' ')
    const tsc = join(root, 'node_modules/typescript/bin/tsc')
    const { stdout } = await exec(process.execPath, [tsc, ...options, 'typed.ts'], { cwd: folder }).catch(
      (error) => error,
    )
    expect(stdout).toBe('')
  })

  const CHROMIUM = '/usr/bin/chromium'
  // In CI a missing browser is a failure, and never a skipped test.
  const available = process.env.CI !== undefined || existsSync(CHROMIUM)
  test.skipIf(!available)('in a browser does the same, as modules without a build', async () => {
    const id = await startRun(server, { dataset: 'tiny', learningRate: 0.02 })
    const browser = await chromium.launch({
      executablePath: CHROMIUM,
      args: ['--headless', '--no-sandbox', '--disable-gpu', '--disable-background-networking'],
      timeout: 0,
    })
    onTestFinished(() => browser.close())
    const page = await browser.newPage()
    page.setDefaultTimeout(0)
    const problems: string[] = []
    page.on('pageerror', (error) => problems.push(error.message))
    await page.goto(`http://localhost:${(site.address() as AddressInfo).port}/page.html`)
    const seen = await page.evaluate(
      // biome-ignore lint/suspicious/noExplicitAny: a function of the page
      ([url, run]) => (globalThis as any).look(url, run) as Promise<object>,
      [server.url, id],
    )
    expect(problems).toEqual([])
    expect(seen).toMatchObject({ version: '0.1.0', points: 4, status: 'connected' })
    expect(seen).toMatchObject({ sent: { sent: 200_000, total: 200_000 }, answer: 'UnsupportedImageError' })
  })
})

const PAGE = `<!doctype html><script type="importmap">
{ "imports": { "vggzoo/client": "/node_modules/vggzoo/dist/client/index.js",
               "graphql-ws/client": "/node_modules/graphql-ws/dist/client.js" } }
</script><script type="module">
import { createClient } from 'vggzoo/client'
globalThis.look = async (url, run) => {
  const client = createClient({ url })
  const { system } = await client.query('{ system { version } }')
  let points = 0, status
  for await (const event of client.follow(run)) {
    if (event.__typename === 'LossPoints') points += event.points.length
    status = client.connection.status
  }
  let sent
  const upload = new File([new Uint8Array(200_000)], 'zeros.png')
  const { predict } = await client.mutate(
    'mutation ($image: ImageInput!) { predict(input: { image: $image }) { __typename } }',
    { image: { upload } },
    { onProgress: (progress) => { sent = progress } },
  )
  client.dispose()
  return { version: system.version, points, status, sent, answer: predict.__typename }
}
</script>`

/** The folder as any static server gives it. */
async function serve(from: string): Promise<Server> {
  const types: Record<string, string> = { '.html': 'text/html', '.js': 'text/javascript' }
  const http = createServer((request, response) => {
    const path = new URL(request.url!, 'http://localhost').pathname
    response.setHeader('content-type', types[extname(path)] ?? 'application/octet-stream')
    if (path === '/page.html') return void response.end(PAGE)
    if (!existsSync(join(from, path))) return void response.writeHead(404).end()
    response.end(readFileSync(join(from, path)))
  }).listen(0, '127.0.0.1')
  await once(http, 'listening')
  return http
}
