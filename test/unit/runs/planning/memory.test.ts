import { describe, expect, test } from 'vitest'
import { OPTIMIZER_DEFAULTS, type Optimizer } from '../../../../src/runs/model/hyperparameters.ts'
import { totalBytes, trainingMemory } from '../../../../src/runs/planning/memory.ts'
import { analyze } from '../../../../src/zoo/analysis.ts'
import { resolveArchitecture } from '../../../../src/zoo/architecture-input.ts'
import { findArchitecture } from '../../../../src/zoo/catalog.ts'
import { type FrozenPart, frozenPart } from '../../../../src/zoo/transfer.ts'
import { randomInput } from '../../../support/architectures.ts'
import { seededRandom } from '../../../support/random.ts'

const SGD: Optimizer = { kind: 'sgd', ...OPTIMIZER_DEFAULTS.sgd }
const PLAIN: Optimizer = { ...SGD, momentum: 0 }
const ADAM: Optimizer = { kind: 'adam', ...OPTIMIZER_DEFAULTS.adam }

describe('the memory of a training', () => {
  test('of 500 random networks has parts that are none below zero, and grows with the batch and the optimizer', () => {
    const random = seededRandom(1)
    for (let count = 0; count < 500; count++) {
      const architecture = resolveArchitecture(randomInput(random), 1e7)
      for (const engine of ['NATIVE', 'WASM'] as const) {
        const of = (batchSize: number, optimizer: Optimizer) => {
          const memory = trainingMemory(architecture, { batchSize, optimizer, engine, datasetBytes: 1000 })
          expect(Math.min(...Object.values(memory))).toBeGreaterThanOrEqual(0)
          return totalBytes(memory)
        }
        const batches = [1, 2, 16, 100, 128, 129, 1000, 4096].map((batchSize) => of(batchSize, SGD))
        expect(batches).toEqual(batches.toSorted((one, other) => one - other))
        const optimizers = [PLAIN, SGD, ADAM].map((optimizer) => of(64, optimizer))
        expect(optimizers).toEqual(optimizers.toSorted((one, other) => one - other))
      }
    }
  })

  test('counts four bytes for every weight, its gradient, and what the optimizer keeps of it', () => {
    const architecture = findArchitecture('vgg16')!
    const bytes = 4 * 138_357_544
    for (const [optimizer, slots] of [
      [PLAIN, 0],
      [SGD, 1],
      [ADAM, 2],
    ] as const) {
      const options = { batchSize: 1, optimizer, engine: 'NATIVE', datasetBytes: 5 } as const
      expect(trainingMemory(architecture, options)).toMatchObject({
        weights: bytes,
        gradients: bytes,
        optimizer: slots * bytes,
        dataset: 5,
      })
    }
  })

  test('of frozen layers has neither gradients nor a part of the optimizer, and is never more', () => {
    const random = seededRandom(2)
    for (let count = 0; count < 200; count++) {
      const architecture = resolveArchitecture(randomInput(random), 1e7)
      const { layers } = frozenPart(architecture, 'FEATURES') as FrozenPart
      for (const engine of ['NATIVE', 'WASM'] as const) {
        const options = { batchSize: 64, optimizer: ADAM, engine, datasetBytes: 0 }
        const [all, frozen, kept] = [
          { layers: 0, isKept: false },
          { layers, isKept: false },
          { layers, isKept: true },
        ].map((frozen) => trainingMemory(architecture, { ...options, frozen }))
        const { parameterCount } = analyze(architecture)
        const own = analyze(architecture)
          .layers.slice(0, layers)
          .reduce((sum, layer) => sum + layer.parameterCount, 0)
        expect(frozen).toMatchObject({
          weights: 4 * parameterCount,
          gradients: 4 * (parameterCount - own),
          optimizer: 8 * (parameterCount - own),
        })
        expect(Math.min(...Object.values(frozen!))).toBeGreaterThanOrEqual(0)
        expect(totalBytes(frozen!)).toBeLessThanOrEqual(totalBytes(all!))
        expect(totalBytes(kept!)).toBeLessThanOrEqual(totalBytes(frozen!))
      }
    }
  })
})
