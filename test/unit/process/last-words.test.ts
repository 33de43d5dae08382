import { expect, test } from 'vitest'
import { lastWords } from '../../../src/process/child.ts'

test('of a crashed Node are its error, and not its stack or version', () => {
  const stderr = [
    'a warning',
    '/app/dist/trainer.js:3',
    '  throw new TypeError("no such layer")',
    '  ^',
    '',
    'TypeError: no such layer',
    '    at build (/app/dist/trainer.js:3:9)',
    '    at node:internal/main/run_main_module:28:49',
    '',
    'Node.js v20.20.2',
    '',
  ].join('\n')
  expect(lastWords({ stderr })).toBe('TypeError: no such layer')
})

test('of another program are its last line', () => {
  expect(lastWords({ stderr: 'one\ntwo\n' })).toBe('two')
  expect(lastWords({ stderr: '\n' })).toBeNull()
})
