import { describe, expect, test } from 'vitest'
import { NO_NORMALIZATION } from '../../../../src/data/normalization.ts'
import { type Change, MAX_CHANGES, whyNotChange, withChange } from '../../../../src/runs/model/changes.ts'
import {
  type Hyperparameters,
  resolveChange,
  resolveHyperparameters,
  SCHEDULE_DEFAULTS,
  type Schedule,
} from '../../../../src/runs/model/hyperparameters.ts'
import { learningRateOf, rateChangeAt } from '../../../../src/runs/model/learning-rate.ts'

const STEPS_PER_EPOCH = 5

function runWith(schedule: Schedule, epochs = 4): Hyperparameters {
  const resolved = resolveHyperparameters({ epochs, learningRate: 0.1, schedule }, true, NO_NORMALIZATION)
  if ('issues' in resolved) throw new Error(resolved.issues[0].message)
  return resolved.hyperparameters
}
/** The rates of the steps after `from` in a run of so many epochs. */
function rates(run: Hyperparameters, changes: readonly Change[], from: number, epochs: number): number[] {
  return Array.from({ length: epochs * STEPS_PER_EPOCH - from }, (_, i) =>
    learningRateOf(run, changes, from + i, STEPS_PER_EPOCH),
  )
}
const last = (values: readonly number[]) => values.at(-1)!

const cosine: Schedule = { kind: 'cosine', warmupEpochs: 1, finalLearningRate: 1e-4 }
const oneCycle: Schedule = { kind: 'oneCycle', ...SCHEDULE_DEFAULTS.oneCycle }
/** A completed run of 20 steps gets as many again. */
const MORE: Change = { step: 20, epochs: 8 }
const SMOOTH: Change = { ...MORE, continueFromLastRate: true }

describe('a completed run that gets more epochs', () => {
  test.each([
    ['cosine', cosine, 1e-4],
    ['one-cycle', oneCycle, 0.1 / 25 / 1e4],
  ])(
    'jumps up where its schedule is %s, and says so; asked to, it goes on from its last rate to the end',
    (_name, schedule, end) => {
      const run = runWith(schedule)
      const rateBefore = learningRateOf(run, [], 19, STEPS_PER_EPOCH)
      const jump = rateChangeAt(run, [MORE], 20, STEPS_PER_EPOCH)
      expect(jump.rateBefore).toBe(rateBefore)
      expect(jump.rateAfter).toBeGreaterThan(10 * rateBefore)

      const rest = rates(run, [SMOOTH], 20, 8)
      expect(rateChangeAt(run, [SMOOTH], 20, STEPS_PER_EPOCH)).toEqual({ rateBefore, rateAfter: rest[0] })
      for (const [i, rate] of rest.entries())
        expect(rate).toBeLessThanOrEqual(i === 0 ? rateBefore : rest[i - 1])
      expect(last(rest)).toBeGreaterThanOrEqual(end)
      expect(last(rest)).toBeCloseTo(end, 4)
      // What was trained is as it was.
      expect(rates(run, [SMOOTH], 0, 4)).toEqual(rates(run, [], 0, 4))
    },
  )

  test('has the rates of the formulas', () => {
    const k = 7
    const start = learningRateOf(runWith(cosine), [], 19, STEPS_PER_EPOCH)
    const rate = (schedule: Schedule, step: number) =>
      learningRateOf(runWith(schedule), [SMOOTH], step, STEPS_PER_EPOCH)
    const half = (t: number) => (1 + Math.cos(Math.PI * t)) / 2
    expect(rate(cosine, 20 + k)).toBeCloseTo(1e-4 + (start - 1e-4) * half((k + 1) / 21), 15)
    // From the end of a cycle to the same end.
    expect(rate(oneCycle, 20 + k)).toBeCloseTo(4e-7, 15)
    expect(rate({ kind: 'constant' }, 20 + k)).toBe(0.1)
    // Epochs 2, 4, 6 change it: the last one before is that of epoch 2, and 20 + k is in epoch 5.
    const step: Schedule = { kind: 'step', epochs: 2, gamma: 0.5, offset: 0 }
    expect(rate(step, 20)).toBe(0.025)
    expect(rate(step, 20)).toBe(learningRateOf(runWith(step), [MORE], 20, STEPS_PER_EPOCH))
  })
})

describe('a change that goes on from the last rate', () => {
  test('to another schedule comes to its end', () => {
    const run = runWith({ kind: 'constant' })
    const toZero: Schedule = { kind: 'cosine', warmupEpochs: 2, finalLearningRate: 0 }
    const rest = rates(run, [{ step: 7, schedule: toZero, continueFromLastRate: true }], 7, 4)
    expect(rest[0]).toBeLessThan(0.1)
    expect(rest[0]).toBeGreaterThan(0.09)
    expect(last(rest)).toBeCloseTo((0.1 * (1 + Math.cos((Math.PI * 13) / 14))) / 2, 15)
  })

  test('holds for still more epochs, begins anew from another one, and ends with another rate or schedule', () => {
    const run = runWith(cosine)
    const longer = rates(run, [SMOOTH, { step: 25, epochs: 12 }], 25, 12)
    const atOnce = rates(run, [{ ...SMOOTH, epochs: 12 }], 25, 12)
    expect(longer).toEqual(atOnce)
    const twice = [SMOOTH, { step: 40, epochs: 12, continueFromLastRate: true as const }]
    expect(learningRateOf(run, twice, 40, STEPS_PER_EPOCH)).toBeLessThan(
      learningRateOf(run, twice, 39, STEPS_PER_EPOCH),
    )
    const anew: Change = { step: 25, learningRate: 0.3 }
    expect(rates(run, [SMOOTH, anew], 25, 8)).toEqual(
      rates({ ...run, epochs: 8, learningRate: 0.3 }, [], 25, 8),
    )
  })

  test('needs a last rate, and no other one', () => {
    expect(whyNotChange([], { step: 0, epochs: 8, continueFromLastRate: true })).toMatch(
      /no step is trained yet/,
    )
    expect(whyNotChange([], SMOOTH)).toBeNull()
    expect(resolveChange({ learningRate: 0.1, continueFromLastRate: true })).toMatchObject({
      issues: [{ path: ['continueFromLastRate'] }],
    })
    expect(resolveChange({ continueFromLastRate: true })).toHaveProperty('issues')
    expect(resolveChange({ epochs: 2, continueFromLastRate: false })).toEqual({ values: { epochs: 2 } })
  })
})

test('what a change does to the rate is not known before the first step, after the last, or without the number of steps', () => {
  const run = runWith(cosine)
  expect(rateChangeAt(run, [{ step: 0, learningRate: 1 }], 0, STEPS_PER_EPOCH)).toEqual({
    rateBefore: null,
    rateAfter: 0.2,
  })
  expect(rateChangeAt(run, [{ step: 20, learningRate: 1 }], 20, STEPS_PER_EPOCH).rateAfter).toBeNull()
  for (const unknown of [0, Number.NaN]) {
    expect(rateChangeAt(run, [MORE], 20, unknown)).toEqual({ rateBefore: null, rateAfter: null })
  }
})

describe('the changes of a run', () => {
  const made = (...changes: Change[]) => changes.reduce<Change[]>(withChange, [])

  test('at the same step are one, and nothing of what holds is lost', () => {
    expect(made({ step: 5, learningRate: 1 }, { step: 5, epochs: 9 }, { step: 5, learningRate: 2 })).toEqual([
      { step: 5, learningRate: 2, epochs: 9 },
    ])
    const smooth: Change = { step: 5, epochs: 9, continueFromLastRate: true }
    expect(made(smooth, { step: 5, epochs: 10 })).toEqual([{ ...smooth, epochs: 10 }])
    expect(made(smooth, { step: 5, learningRate: 2 })).toEqual([{ step: 5, epochs: 9, learningRate: 2 }])
    expect(made({ step: 5, learningRate: 2 }, smooth)).toEqual([{ ...smooth, learningRate: 2 }])
  })

  test('at later steps, which will be trained again, do not go on from a rate that they would not have had', () => {
    const later: Change = { step: 9, epochs: 9, continueFromLastRate: true }
    expect(made(later, { step: 5, learningRate: 1 })).toEqual([
      { step: 5, learningRate: 1 },
      { step: 9, epochs: 9 },
    ])
    expect(made(later, { step: 5, epochs: 7 })).toEqual([{ step: 5, epochs: 7 }])
  })

  test('are so many at most, though one of them may change again', () => {
    const all = made(
      ...Array.from({ length: MAX_CHANGES }, (_, i) => ({ step: i + 1, learningRate: 1 / (i + 1) })),
    )
    expect(all).toHaveLength(MAX_CHANGES)
    const next = { step: MAX_CHANGES + 1, learningRate: 1 }
    expect(whyNotChange(all, next)).toMatch(/changed at 256 different steps already/)
    expect(whyNotChange(all, { ...next, step: MAX_CHANGES })).toBeNull()
    // Those that it makes void count no more.
    expect(whyNotChange(all, { ...next, step: 3 })).toBeNull()
  })
})
