import { execFileSync } from 'node:child_process'
import { existsSync, openSync } from 'node:fs'
import { expect, test } from 'vitest'

const LOGGER = new URL('../../dist/logger.js', import.meta.url).href

test.runIf(existsSync('/dev/full'))('a log that cannot be written ends nobody', () => {
  const program = `
    import { createLogger } from ${JSON.stringify(LOGGER)}
    const logger = createLogger('info')
    for (let line = 0; line < 100; line++) logger.info('a'.repeat(50_000))
    process.on('exit', () => process.stderr.write('to the end'))
  `
  const full = openSync('/dev/full', 'w')
  const said = execFileSync(
    'sh',
    ['-c', 'exec "$@" 2>&1 >&3', 'sh', process.execPath, '--input-type=module', '-e', program],
    {
      stdio: ['ignore', 'pipe', 'inherit', full],
      encoding: 'utf8',
    },
  )
  expect(said).toBe('to the end')
})
