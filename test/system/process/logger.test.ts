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

test('the log tells of an error by the name that its class has in the source, whatever the bundle calls it', async () => {
  const program = `
    import { createLogger } from ${JSON.stringify(LOGGER)}
    const logger = createLogger('info').child({})
    class _LimitError extends Error {}
    logger.error({ err: new _LimitError('first') }, 'failed')
    logger.error(new TypeError('second'))
    logger.error({ err: 'third' }, 'failed')
  `
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', program])
  const errors = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line).err)
  expect(errors).toEqual([
    expect.objectContaining({ type: 'LimitError', message: 'first' }),
    expect.objectContaining({ type: 'TypeError', message: 'second' }),
    'third',
  ])
})
