import { describe, expect, test } from 'vitest'
import { OPTIMIZER_DEFAULTS, type Optimizer } from '../../../../src/runs/model/hyperparameters.ts'
import { totalBytes, trainingMemory } from '../../../../src/runs/planning/memory.ts'
import { resolveArchitecture } from '../../../../src/zoo/architecture-input.ts'
import { findArchitecture } from '../../../../src/zoo/catalog.ts'
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
})
