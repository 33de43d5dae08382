import { describe, expect, test } from 'vitest'
import { createRate } from '../../../src/predictor/rate.ts'

function harness() {
  let now = 1000
  const rate = createRate(() => now)
  return {
    rate,
    pass(ms: number) {
      now += ms
    },
  }
}

describe('the rate', () => {
  test('promises what it measured: 64 requests at 20 ms each take 1,280 ms', () => {
    const { rate, pass } = harness()
    rate.began(0)
    for (let answer = 0; answer < 500; answer++) {
      pass(20)
      rate.answered()
    }
    expect(rate.msFor(64)).toBe(1280)
  })

  test('counts answers that come in bursts by the time that they took together', () => {
    const { rate, pass } = harness()
    rate.began(0)
    for (let batch = 0; batch < 30; batch++) {
      pass(320)
      for (let answer = 0; answer < 32; answer++) rate.answered()
    }
    expect(rate.msFor(32)).toBeGreaterThan(290)
    expect(rate.msFor(32)).toBeLessThan(350)
  })

  test('does not count the time in which nobody asks', () => {
    const { rate, pass } = harness()
    for (let visit = 0; visit < 20; visit++) {
      pass(60_000)
      rate.began(0)
      pass(10)
      rate.answered()
    }
    rate.began(0)
    expect(rate.msFor(10)).toBe(100)
  })

  test('promises more the longer no answer comes', () => {
    const { rate, pass } = harness()
    rate.began(0)
    pass(10)
    rate.answered()
    const before = rate.msFor(10)
    pass(5000)
    expect(rate.msFor(10)).toBe(before + 50_000)
  })

  test('forgets a slow start', () => {
    const { rate, pass } = harness()
    rate.began(0)
    pass(10_000)
    rate.answered()
    for (let answer = 0; answer < 1000; answer++) {
      pass(10)
      rate.answered()
    }
    expect(rate.msFor(1)).toBe(10)
  })
})
