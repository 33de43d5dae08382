import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { type AddressInfo, connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { placeDataset } from '../support/dataset-cache.ts'
import { placeMigratedDatabase } from '../support/embedded-database.ts'
import { startServer, stopServers, type TestServer } from '../support/server.ts'

const DEMO = resolve(import.meta.dirname, '../../dist/demo/main.js')
const SHORT = ['--epochs', '1', '--train-limit', '640', '--test-limit', '100', '--pictures', '2']

let server: TestServer
beforeAll(async () => {
  server = await startServer({ dataset: 'cifar10' })
})
afterAll(stopServers)

/** The demo as a person starts it, its output in a pipe. */
function runDemo(args: string[], env: NodeJS.ProcessEnv) {
  const demo = spawn(process.execPath, [DEMO, ...args], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  onTestFinished(() => {
    demo.kill('SIGKILL')
  })
  const lines: string[] = []
  const waiting: { accept: RegExp; resolve: () => void }[] = []
  for (const stream of [demo.stdout, demo.stderr]) {
    createInterface({ input: stream }).on('line', (line) => {
      lines.push(line)
      for (const entry of waiting) if (entry.accept.test(line)) entry.resolve()
    })
  }
  return {
    ended: once(demo, 'close').then(([code]) => ({ code: code as number, text: lines.join('\n') })),
    printed: (accept: RegExp) =>
      new Promise<void>((resolvePromise) => waiting.push({ accept, resolve: resolvePromise })),
    kill: (signal: NodeJS.Signals) => demo.kill(signal),
  }
}

describe('the demo', () => {
  test('trains on a running server, tells how far it is, and classifies test images', async () => {
    const { code, text } = await runDemo(SHORT, { VGGZOO_URL: server.url }).ended
    expect(text).toContain(`Using the server at ${server.url}.`)
    expect(text).toMatch(/^Run #1: .*551,466 parameters\.$/m)
    expect(text).toMatch(/^(RUNNING|COMPLETED).* step \d+\/5 loss \d\.\d{3}/m)
    expect(text).toMatch(/^Accuracy on 100 test images: \d+\.\d %$/m)
    expect(text.match(/^test image \d+, truly an? \w+ \(\d+ ms\):$/gm)).toHaveLength(2)
    expect(text.match(/^ {2}\w+ +[█░]{20} \d+\.\d %$/gm)).toHaveLength(6)
    expect(text).not.toContain('\x1b')
    expect(code).toBe(0)
  })

  test('cancels its run at Ctrl-C', async () => {
    const demo = runDemo(['--epochs', '1000', '--train-limit', '640', '--test-limit', '10'], {
      VGGZOO_URL: server.url,
    })
    await demo.printed(/^RUNNING.* loss/)
    // As npm does, which had it from the terminal as well as the demo.
    demo.kill('SIGINT')
    demo.kill('SIGINT')
    const { code, text } = await demo.ended
    expect(text).toMatch(/The run is CANCELLED/)
    expect(code).toBe(1)
    const { trainingRuns } = await server.query('{ trainingRuns(first: 1) { edges { node { status } } } }')
    expect(trainingRuns.edges[0].node.status).toBe('CANCELLED')
  })

  test('starts a server where there is none, and leaves none behind', async () => {
    const dataDir = mkdtempSync(join(tmpdir(), 'vggzoo-demo-'))
    onTestFinished(() => rmSync(dataDir, { recursive: true, force: true }))
    await placeDataset(dataDir)
    const url = `http://localhost:${await freePort()}`
    const { code, text } = await runDemo(SHORT, { PORT: new URL(url).port, DATA_DIR: dataDir }).ended
    expect(text).toContain(`No server at ${url}: starting one.`)
    expect(text).toMatch(/Accuracy on 100 test images/)
    expect(code).toBe(0)
    await expect(fetch(url)).rejects.toThrow()
  })

  test('takes the server that it started along, even when it is killed', async () => {
    const dataDir = mkdtempSync(join(tmpdir(), 'vggzoo-demo-'))
    await placeMigratedDatabase(join(dataDir, 'database'))
    await placeDataset(dataDir)
    const port = await freePort()
    const demo = runDemo(['--epochs', '1000'], { PORT: String(port), DATA_DIR: dataDir })
    await demo.printed(/^Run #1/)
    const connection = connect(port, '127.0.0.1')
    await once(connection, 'connect')
    connection.on('error', () => {})
    const cut = new Promise((end) => connection.once('close', end))
    demo.kill('SIGKILL')
    await cut
    await expect(fetch(`http://127.0.0.1:${port}`)).rejects.toThrow()
  })

  test('says in one line what is wrong with an option, or that no server answers', async () => {
    const wrong = await runDemo(['--epochs', 'many'], { VGGZOO_URL: server.url }).ended
    expect(wrong).toEqual({ code: 1, text: '--epochs must be a whole number above 0, not "many".' })
    const url = `http://localhost:${await freePort()}`
    const alone = await runDemo([], { VGGZOO_URL: url }).ended
    expect(alone).toEqual({ code: 1, text: `No vggzoo answers at VGGZOO_URL ${url}.` })
  })
})

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1')
  await once(probe, 'listening')
  const { port } = probe.address() as AddressInfo
  probe.close()
  await once(probe, 'close')
  return port
}
