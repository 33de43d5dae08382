import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'

const LOGGER = new URL('../../../dist/logger.js', import.meta.url).href

test.runIf(existsSync('/dev/full'))('a log that cannot be written ends nobody', async () => {
  const program = `
    import { createLogger } from ${JSON.stringify(LOGGER)}
    const logger = createLogger('info')
    for (let line = 0; line < 100; line++) logger.info('a'.repeat(50_000))
    process.on('exit', () => process.stderr.write('to the end'))
  `
  const { stderr } = await promisify(execFile)('sh', [
    ...['-c', 'exec "$@" >/dev/full', 'sh'],
    ...[process.execPath, '--input-type=module', '-e', program],
  ])
  expect(stderr).toBe('to the end')
})
