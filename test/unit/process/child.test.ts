import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, expect, test } from 'vitest'
import { lastWords, startChild } from '../../../src/process/child.ts'

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
