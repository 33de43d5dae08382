import { describe, expect, test } from 'vitest'
import type { Schedule } from '../../../src/runs/hyperparameters.ts'
import { learningRateAt } from '../../../src/runs/schedule.ts'

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

  test("of one-cycle agrees with PyTorch's OneCycleLR", () => {
    // torch.optim.lr_scheduler.OneCycleLR(sgd, max_lr=1.0, total_steps=10), PyTorch 1.13, its ten rates.
    const all = rates(
      { kind: 'oneCycle', warmupFraction: 0.3, initialDivisor: 25, finalDivisor: 1e4 },
      1,
      5,
      2,
    )
    const expected = [
      0.04, 0.52, 1.0, 0.95048463, 0.81174565, 0.61126202, 0.38874198, 0.18825835, 0.04951937, 4e-6,
    ]
    for (const [i, rate] of all.entries()) expect(rate).toBeCloseTo(expected[i], 6)
  })
})
