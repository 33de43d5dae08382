import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, expect, test } from 'vitest'
import { lastWords, startChild } from '../../../src/process/child.ts'
import { STOP_SIGNALS } from '../../../src/process/signals.ts'

const folder = mkdtempSync(join(tmpdir(), 'vggzoo-child-'))
afterAll(() => rmSync(folder, { recursive: true }))

/** A Node process that runs this code. */
function child(code: string, onOutput: (line: string) => void) {
  const file = join(folder, 'child.mjs')
  writeFileSync(file, code)
  return startChild<object, object>({ entry: pathToFileURL(file), onMessage() {}, onOutput })
}

test('what a child says last counts, also when it ends in the midst of a line', async () => {
  const lines: string[] = []
  const exit = await child('process.stderr.write("one\\nTypeError: two"); process.exitCode = 3', (line) =>
    lines.push(line),
  ).exited
  expect(lines).toEqual(['one', 'TypeError: two'])
  expect(exit.code).toBe(3)
  expect(lastWords(exit)).toBe('TypeError: two')
})

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
