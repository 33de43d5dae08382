import { describe, expect, test } from 'vitest'
import { SCHEDULE_DEFAULTS, type Schedule } from '../../../../src/runs/model/hyperparameters.ts'
import { learningRateAt } from '../../../../src/runs/model/schedule.ts'

const rates = (schedule: Schedule, peak: number, stepsPerEpoch: number, epochs: number) => {
  const steps = stepsPerEpoch * epochs
  return Array.from({ length: steps }, (_, step) =>
    learningRateAt(schedule, peak, step, stepsPerEpoch, steps),
  )
}

describe('the learning rate', () => {
  test('of a constant schedule never changes', () => {
    expect(new Set(rates({ kind: 'constant' }, 0.3, 3, 2))).toEqual(new Set([0.3]))
  })

  test('of a step schedule changes after every so many epochs', () => {
    const perEpoch = rates({ kind: 'step', epochs: 2, gamma: 0.5, offset: 0 }, 1, 1, 6)
    expect(perEpoch).toEqual([1, 1, 0.5, 0.5, 0.25, 0.25])
  })

  test('of the lecture, whose scheduler is called before each epoch, changes one epoch earlier', () => {
    const perEpoch = rates({ kind: 'step', epochs: 5, gamma: 0.9, offset: 1 }, 0.005, 1, 10)
    expect(perEpoch.slice(0, 4)).toEqual([0.005, 0.005, 0.005, 0.005])
    for (const rate of perEpoch.slice(4, 9)) expect(rate).toBeCloseTo(0.0045, 12)
    expect(perEpoch[9]).toBeCloseTo(0.00405, 12)
  })

  test('of a cosine schedule warms up linearly and ends at its final rate', () => {
    const all = rates({ kind: 'cosine', warmupEpochs: 1, finalLearningRate: 0.1 }, 1, 4, 5)
    expect(all.slice(0, 5)).toEqual([0.25, 0.5, 0.75, 1, 1])
    expect(all[12]).toBeCloseTo(0.55)
    expect(all.at(-1)).toBeGreaterThan(0.1)
    expect(all.at(-1)).toBeLessThan(0.12)
  })

  // Rates of every step by PyTorch 1.13: test/system/pytorch/schedules.py; test/system/pytorch/schedules.test.ts has it make them anew.
  test.each<[string, Schedule, number, number, number[]]>([
    [
      'ten steps',
      { kind: 'oneCycle', ...SCHEDULE_DEFAULTS.oneCycle },
      5,
      2,
      [
        0.04, 0.52, 1, 0.9504846320134737, 0.8117456539497631, 0.6112620219362893, 0.38874197806371075,
        0.18825834605023697, 0.049519367986526286, 4e-6,
      ],
    ],
    ['a single step', { kind: 'oneCycle', ...SCHEDULE_DEFAULTS.oneCycle }, 1, 1, [4e-6]],
    ['two steps', { kind: 'oneCycle', ...SCHEDULE_DEFAULTS.oneCycle }, 1, 2, [0.811745653949763, 4e-6]],
    [
      'less than a step after the peak',
      { kind: 'oneCycle', ...SCHEDULE_DEFAULTS.oneCycle, warmupFraction: 0.99 },
      1,
      3,
      [0.04, 0.5314808680277456, 4e-6],
    ],
  ])(
    "of one-cycle in %s agrees with PyTorch's OneCycleLR",
    (_name, schedule, stepsPerEpoch, epochs, expected) => {
      const all = rates(schedule, 1, stepsPerEpoch, epochs)
      expect(all).toHaveLength(expected.length)
      for (const [i, rate] of all.entries()) expect(rate).toBeCloseTo(expected[i], 12)
    },
  )

  test('never rises above the peak, though a warm-up ends in the midst of a step', () => {
    for (const warmupEpochs of [0.01, 0.5, 0.3, 1.1, 2.49, 2.5]) {
      const all = rates({ kind: 'cosine', warmupEpochs, finalLearningRate: 0 }, 1, 5, 3)
      expect(Math.max(...all), `${warmupEpochs}`).toBeLessThanOrEqual(1)
      expect(all.slice(0, Math.floor(warmupEpochs * 5))).toEqual(
        Array.from({ length: Math.floor(warmupEpochs * 5) }, (_, i) => (i + 1) / (warmupEpochs * 5)),
      )
    }
  })

  test('of a warm-up that is longer than the run is the same as in a longer run', () => {
    const warmup: Schedule = { kind: 'cosine', warmupEpochs: 6, finalLearningRate: 0 }
    expect(rates(warmup, 1, 4, 3)).toEqual(rates(warmup, 1, 4, 9).slice(0, 12))
  })
})
