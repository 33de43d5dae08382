import { describe, expect, test } from 'vitest'
import { NO_AUGMENTATION } from '../../../../src/data/augmentation/augmentation.ts'
import { NO_NORMALIZATION } from '../../../../src/data/normalization.ts'
import {
  type HyperparametersInput,
  resolveHyperparameters,
} from '../../../../src/runs/model/hyperparameters.ts'
import { epochsBetweenCheckpoints } from '../../../../src/runs/model/saved-epochs.ts'
import type { Transfer } from '../../../../src/runs/model/transfer.ts'
import { findArchitecture } from '../../../../src/zoo/catalog.ts'
import { fitArchitecture } from '../../../../src/zoo/fit.ts'
import { type Freeze, frozenPart } from '../../../../src/zoo/transfer.ts'

const CIFAR10 = { train: 50_000, test: 10_000 }
const FEW = { train: 500, test: 100 }

function epochsBetween(
  name: string,
  size: number,
  count: typeof CIFAR10,
  freeze: Freeze,
  input: HyperparametersInput = {},
): number {
  const architecture = fitArchitecture(findArchitecture(name)!, [size, size, 3], 10)
  const part = frozenPart(architecture, freeze)
  const resolved = resolveHyperparameters(input, true, NO_NORMALIZATION)
  if (typeof part === 'string' || 'issues' in resolved) throw new Error('wrong input')
  const transfer = freeze === 'NONE' ? null : ({ frozen: part.layers } as Transfer)
  return epochsBetweenCheckpoints({ transfer, ...resolved }, architecture, count)
}

describe('of epochs', () => {
  test.each([
    ['vgg_mini', 32, CIFAR10],
    ['vgg_mini', 32, { train: 32, test: 16 }],
    ['lecture_vgg16', 32, CIFAR10],
    ['lecture_vgg16', 32, { train: 1000, test: 100 }],
    ['vgg16', 224, { train: 100, test: 20 }],
  ] as const)(
    '%s of %i pixels saves each, as they take longer than saving does (%o)',
    (name, size, count) => {
      expect(epochsBetween(name, size, count, 'NONE')).toBe(1)
    },
  )

  test('that are over sooner than a checkpoint is written some are saved, and the fewer the sooner', () => {
    const none = { augmentation: NO_AUGMENTATION }
    const features = epochsBetween('vgg16', 224, FEW, 'FEATURES', none)
    expect(features).toBeGreaterThan(5)
    expect(features).toBeLessThan(20)
    const last = epochsBetween('vgg16', 224, FEW, { upTo: 'classifier.5' }, none)
    expect(last).toBeGreaterThan(100)
    const half = epochsBetween('vgg16', 224, FEW, 'FEATURES', { ...none, trainLimit: 250, testLimit: 50 })
    expect(half).toBeGreaterThan(features)
    // What is computed in each step, and many pictures, take their time.
    expect(
      epochsBetween('vgg16', 224, FEW, 'FEATURES', {
        augmentation: { ...NO_AUGMENTATION, horizontalFlip: true },
      }),
    ).toBe(1)
    expect(epochsBetween('vgg16', 224, { train: 20_000, test: 100 }, 'FEATURES', none)).toBe(1)
  })
})
