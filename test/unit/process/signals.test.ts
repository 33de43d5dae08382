import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, afterEach, describe, expect, test, vi } from 'vitest'
import { startChild } from '../../../src/process/child.ts'
import { onStopRequest, STOP_SIGNALS } from '../../../src/process/signals.ts'

const folder = mkdtempSync(join(tmpdir(), 'vggzoo-signals-'))
afterAll(() => rmSync(folder, { recursive: true }))

test('a child of the server hears no signal that asks the server to stop, and is ended by the server', async () => {
  const file = join(folder, 'child.mjs')
  writeFileSync(file, 'process.on("message", (message) => process.send(message)); process.send("up")')
  const heard: unknown[] = []
  let tell: () => void = () => {}
  const child = startChild<object, unknown>({
    entry: pathToFileURL(file),
    onMessage(message) {
      heard.push(message)
      tell()
    },
    onOutput() {},
  })
  const died = child.exited.then((exit) => {
    throw new Error(`the child ended: ${exit.signal ?? exit.code}`)
  })
  died.catch(() => {})
  const next = () =>
    Promise.race([
      died,
      new Promise<void>((resolve) => {
        tell = resolve
      }),
    ])
  await next()
  for (const signal of STOP_SIGNALS) {
    process.kill(child.pid!, signal)
    child.send({ after: signal })
    await next()
  }
  expect(heard).toEqual(['up', ...STOP_SIGNALS.map((signal) => ({ after: signal }))])
  child.kill('SIGKILL')
  expect(await child.exited).toMatchObject({ signal: 'SIGKILL' })
})

describe('a process that is asked to stop', () => {
  let leave = () => {}
  afterEach(() => {
    leave()
    vi.restoreAllMocks()
  })

  function listening() {
    let now = 0
    vi.spyOn(performance, 'now').mockImplementation(() => now)
    const calls: unknown[] = []
    leave = onStopRequest(
      (reason) => calls.push(reason),
      () => calls.push('now'),
    )
    return { calls, pass: (seconds: number) => (now += seconds * 1000) }
  }

  test('stops once, however many hands pass the request on', () => {
    const { calls, pass } = listening()
    process.emit('SIGINT', 'SIGINT')
    // npm's own, and a shell's.
    process.emit('SIGINT', 'SIGINT')
    pass(1)
    process.emit('SIGTERM', 'SIGTERM')
    process.emit('SIGHUP', 'SIGHUP')
    expect(calls).toEqual(['SIGINT'])
  })

  test('ends at once when it is asked again later, but not because its terminal is closed by then', () => {
    const { calls, pass } = listening()
    process.emit('SIGTERM', 'SIGTERM')
    pass(5)
    process.emit('SIGHUP', 'SIGHUP')
    expect(calls).toEqual(['SIGTERM'])
    process.emit('SIGINT', 'SIGINT')
    expect(calls).toEqual(['SIGTERM', 'now'])
  })

  test('leaves the signals to Node when it is over', () => {
    const before = STOP_SIGNALS.map((signal) => process.listenerCount(signal))
    listening()
    leave()
    expect(STOP_SIGNALS.map((signal) => process.listenerCount(signal))).toEqual(before)
  })
})
