import { expect, test } from 'vitest'
import { createAttempts } from '../../../src/server/access/openid/attempts.ts'

test('An attempt to sign in is resumed from what the browser kept, for ten minutes', () => {
  let now = 1_000_000
  const attempts = createAttempts(() => now)
  const begun = attempts.begin('/runs?search=a.b')
  now += 10 * 60 * 1000 - 1
  expect(attempts.resume(begun.kept)).toEqual(begun)
  now += 1
  expect(attempts.resume(begun.kept)).toBe(null)
})

test('An attempt is another one, with another state, once what was kept is altered or another process made it', () => {
  const attempts = createAttempts()
  const { kept, state } = attempts.begin('/runs')
  expect(attempts.begin('/runs').state).not.toBe(state)
  expect(attempts.resume(kept.replace('/runs', '/data'))?.state).not.toBe(state)
  expect(createAttempts().resume(kept)?.state).not.toBe(state)
  for (const other of [null, '', 'x', kept.slice(1 + kept.indexOf('.')), kept.replace('/', '')])
    expect(attempts.resume(other)).toBe(null)
})
