import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { createBound, createBudget } from '../../../src/access/budget.ts'
import { NO_LIMITS, readLimits, USUAL_LIMITS } from '../../../src/access/limits.ts'
import { createQuotas } from '../../../src/access/quotas.ts'
import { LOCAL_VIEWER, type Viewer } from '../../../src/access/viewer.ts'
import { TooManyRequestsError, UnauthenticatedError } from '../../../src/errors.ts'
import { networkOf } from '../../../src/server/access/counter.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

/** What was spent is known when the present task is over. */
const settle = () => vi.advanceTimersByTimeAsync(0)

function refusal(work: () => unknown): TooManyRequestsError | null {
  try {
    work()
    return null
  } catch (error) {
    if (error instanceof TooManyRequestsError) return error
    throw error
  }
}

describe('a budget', () => {
  test('refuses whoever has used it up until the moment that the refusal tells, and nobody else', async () => {
    const usedUp: string[] = []
    const budget = createBudget({ most: 10, ms: 60_000 }, 'points', (who) => usedUp.push(who))
    for (const amount of [4, 5]) {
      budget.check('anna')
      budget.spend('anna', amount)
      await vi.advanceTimersByTimeAsync(10_000)
    }
    budget.check('anna')
    budget.spend('anna', 1)
    await settle()
    const refused = refusal(() => budget.check('anna'))!
    expect(refused.message).toBe('The limit is 10 points in 60 s. Try again in 40 s.')
    expect(refused.retryAfterMs).toBe(40_001)
    expect(refusal(() => budget.check('bob'))).toBeNull()
    expect(usedUp).toEqual(['anna'])
    await vi.advanceTimersByTimeAsync(refused.retryAfterMs - 2)
    expect(refusal(() => budget.check('anna'))).not.toBeNull()
    await vi.advanceTimersByTimeAsync(2)
    expect(refusal(() => budget.check('anna'))).toBeNull()
    budget.spend('anna', 10)
    await settle()
    expect(refusal(() => budget.check('anna'))!.retryAfterMs).toBe(60_001)
    expect(usedUp).toEqual(['anna', 'anna'])
  })

  test('lets through once what is dearer than all of it', async () => {
    const budget = createBudget({ most: 10, ms: 1000 }, 'points', () => {})
    budget.check('anna')
    budget.spend('anna', 1000)
    await settle()
    expect(refusal(() => budget.check('anna'))!.retryAfterMs).toBe(1001)
    await vi.advanceTimersByTimeAsync(1001)
    expect(refusal(() => budget.check('anna'))).toBeNull()
  })

  test('keeps nothing of those who have not asked for a while', async () => {
    const budget = createBudget({ most: 1, ms: 1000 }, 'points', () => {})
    for (let who = 0; who < 100; who++) budget.spend(String(who), 1)
    await settle()
    expect(vi.getTimerCount()).toBe(200)
    await vi.advanceTimersByTimeAsync(1000)
    expect(vi.getTimerCount()).toBe(0)
  })
})

test('a bound gives a place to another one when it is given back, however often it is', () => {
  const take = createBound(2, 'WebSockets', () => {})
  const leave = take('anna')
  take('anna')
  take('bob')
  const refused = refusal(() => take('anna'))!
  expect(refused.message).toBe('The limit is 2 WebSockets at once. Close one, or try again.')
  leave()
  leave()
  take('anna')
  expect(refusal(() => take('anna'))).not.toBeNull()
})

test('a bound tells of everybody to whom it refuses something, of each once a minute', async () => {
  const told: string[] = []
  const { of } = createQuotas({
    limits: { ...NO_LIMITS, sockets: 1, subscriptions: 1 },
    onUsedUp: (limit, who) => told.push(`${limit} of ${who}`),
  })
  const [anna, bob] = [of('anna'), of('bob')]
  for (const { socket, subscription } of [anna, bob]) [socket(), subscription()]
  expect(told).toEqual([])
  for (const work of [anna.socket, anna.socket, anna.subscription, bob.socket])
    expect(refusal(work)).not.toBeNull()
  expect(told).toEqual(['sockets of anna', 'subscriptions of anna', 'sockets of bob'])
  await vi.advanceTimersByTimeAsync(60_000)
  expect(refusal(anna.socket)).not.toBeNull()
  expect(told).toHaveLength(4)
})

describe('attempts with wrong tokens', () => {
  const viewer = (id: string): Viewer => ({ ...LOCAL_VIEWER, id, kind: 'TOKEN' })
  const wrong = () => {
    throw new UnauthenticatedError('wrong')
  }
  const limits = { ...NO_LIMITS, attempts: { most: 3, ms: 60_000 } }

  test('are refused for a while when there were too many from an address, and so is then a right one', async () => {
    const { attempt } = createQuotas({ limits })
    for (let count = 0; count < 3; count++) {
      expect(() => attempt('192.0.2.1', wrong)).toThrow(UnauthenticatedError)
      await settle()
    }
    expect(() => attempt('192.0.2.1', wrong)).toThrow(TooManyRequestsError)
    expect(() => attempt('192.0.2.1', () => viewer('anna'))).toThrow(TooManyRequestsError)
    expect(attempt('192.0.2.2', () => viewer('anna')).id).toBe('anna')
    await vi.advanceTimersByTimeAsync(60_001)
    expect(attempt('192.0.2.1', () => viewer('anna')).id).toBe('anna')
  })

  test('keep nobody out who was known from the address before', async () => {
    const { attempt } = createQuotas({ limits })
    attempt('192.0.2.1', () => viewer('anna'))
    for (let count = 0; count < 3; count++) expect(() => attempt('192.0.2.1', wrong)).toThrow()
    await settle()
    expect(attempt('192.0.2.1', () => viewer('anna')).id).toBe('anna')
    expect(() => attempt('192.0.2.1', () => viewer('bob'))).toThrow(TooManyRequestsError)
  })
})

test.each([
  ['192.0.2.1', '192.0.2.1'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
  ['2001:db8::1', '2001:db8:0:0::/64'],
  ['2001:0DB8:1::0001', '2001:db8:1:0::/64'],
  ['::1', '0:0:0:0::/64'],
  ['1::', '1:0:0:0::/64'],
  ['64:ff9b::192.0.2.1', '64:ff9b:0:0::/64'],
  ['fe80::1%eth0', 'fe80:0:0:0::/64'],
  ['unknown', 'unknown'],
])('the address %s counts as %s', (address, network) => {
  expect(networkOf(address)).toBe(network)
})

describe('the setting LIMITS', () => {
  test('names what is not as usual', () => {
    expect(readLimits('off')).toEqual(NO_LIMITS)
    expect(readLimits('operations=5000/2h, uploads=3MiB/30s,sockets=7, queued=off')).toEqual({
      ...USUAL_LIMITS,
      operations: { most: 5000, ms: 7_200_000 },
      uploads: { most: 3 * 2 ** 20, ms: 30_000 },
      sockets: 7,
      queued: null,
    })
  })

  test.each([
    'on',
    '',
    'operations',
    'operations=5',
    'operations=0/1m',
    'operations=5/1d',
    'operations=5KiB/1m',
    'sockets=5/1m',
    'sockets=-1',
    'toString=1',
    'sockets=1,',
  ])('is not "%s"', (text) => {
    expect(readLimits(text)).toBeNull()
  })
})
