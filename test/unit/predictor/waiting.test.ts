import { describe, expect, test } from 'vitest'
import { createWaiting } from '../../../src/predictor/waiting.ts'

const [QUICK, SLOW] = [1, 2]

function harness() {
  let now = 1000
  const waiting = createWaiting(
    (model) => (model === SLOW ? 300 : 1),
    () => now,
  )
  const pass = (ms: number) => {
    now += ms
  }
  const begin = (model: number, count: number) => {
    for (let i = 0; i < count; i++) waiting.began(model)
  }
  return {
    waiting,
    pass,
    begin,
    /** Batches of so many pictures, each of which takes so long. */
    answer(model: number, batches: number, pictures: number, ms: number) {
      for (let batch = 0; batch < batches; batch++) {
        begin(model, pictures)
        pass(ms)
        waiting.computed(model, pictures)
        for (let i = 0; i < pictures; i++) waiting.ended(model)
      }
    },
  }
}

describe('the wait of a predictor', () => {
  test('is guessed by the network before anything was measured', () => {
    const { waiting, begin } = harness()
    expect(waiting.expectedMs()).toBe(0)
    begin(QUICK, 10)
    begin(SLOW, 2)
    expect(waiting.expectedMs()).toBe(610)
  })

  test('is what was measured, by the time that a batch took for all of its pictures', () => {
    const { waiting, begin, answer } = harness()
    answer(QUICK, 100, 32, 320)
    begin(QUICK, 64)
    expect(waiting.expectedMs()).toBeCloseTo(640, 0)
  })

  test('counts each model by its own time', () => {
    const { waiting, begin, answer } = harness()
    answer(QUICK, 100, 1, 5)
    answer(SLOW, 100, 1, 400)
    begin(QUICK, 10)
    expect(waiting.expectedMs()).toBeCloseTo(50, 0)
    begin(SLOW, 1)
    expect(waiting.expectedMs()).toBeCloseTo(450, 0)
  })

  test('does not count the time in which nobody asks, nor the first load of a model', () => {
    const { waiting, begin, pass, answer } = harness()
    answer(QUICK, 1, 1, 5000)
    for (let visit = 0; visit < 100; visit++) {
      pass(60_000)
      answer(QUICK, 1, 1, 10)
    }
    begin(QUICK, 10)
    expect(waiting.expectedMs()).toBeCloseTo(100, 0)
  })

  test('grows while no answer comes, and is nothing when nobody waits', () => {
    const { waiting, begin, pass } = harness()
    begin(QUICK, 10)
    pass(6000)
    expect(waiting.expectedMs()).toBe(5010)
    for (let i = 0; i < 10; i++) waiting.ended(QUICK)
    expect(waiting.expectedMs()).toBe(0)
  })
})
