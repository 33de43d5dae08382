import * as tf from '@tensorflow/tfjs'
import { beforeAll, describe, expect, test } from 'vitest'
import { ValidationError } from '../../../src/errors.ts'
import { analyze } from '../../../src/zoo/analysis.ts'
import { resolveArchitecture } from '../../../src/zoo/architecture-input.ts'
import { formatFeatures, parseFeatures } from '../../../src/zoo/features.ts'
import { buildModel } from '../../../src/zoo/model.ts'
import { randomInput, spoil } from '../../support/architectures.ts'
import { useBackend } from '../../support/backend.ts'
import { seededRandom } from '../../support/random.ts'

const COUNT = 500
const MAX_PARAMETERS = 10_000_000

beforeAll(() => useBackend('cpu'))

const product = (shape: readonly number[]) => shape.reduce((total, length) => total * length, 1)

describe('500 random networks', () => {
  test('are built as they are analysed: shapes, names and every parameter', () => {
    const before = tf.memory().numTensors
    const random = seededRandom(4)
    for (let count = 0; count < COUNT; count++) {
      const architecture = resolveArchitecture(randomInput(random), MAX_PARAMETERS)
      const { layers, parameterCount } = analyze(architecture)
      const model = buildModel(architecture)
      const weights = model.trainableWeights.reduce((sum, { shape }) => sum + product(shape as number[]), 0)
      expect(weights).toBe(parameterCount)
      // The input comes before the first layer; the soft-max after the last one is not the model's.
      expect(model.layers.slice(1).map(({ name, outputShape }) => [name, outputShape.slice(1)])).toEqual(
        layers.slice(0, -1).map(({ name, outputShape }) => [name, outputShape]),
      )
      model.dispose()
    }
    expect(tf.memory().numTensors).toBe(before)
  })

  test('are the same after their list is written and read', () => {
    const random = seededRandom(5)
    for (let count = 0; count < COUNT; count++) {
      const { features } = resolveArchitecture(randomInput(random), MAX_PARAMETERS)
      expect(parseFeatures(formatFeatures(features))).toEqual(features)
    }
  })

  test('with something wrong are each refused with reasons, in short words', () => {
    const random = seededRandom(6)
    for (let count = 0; count < COUNT; count++) {
      const input = spoil(random, randomInput(random))
      try {
        resolveArchitecture(input, MAX_PARAMETERS)
        expect.unreachable(`this is wrong: ${JSON.stringify(input)}`)
      } catch (error) {
        expect(error).toBeInstanceOf(ValidationError)
        const { issues } = error as ValidationError
        expect(issues.length).toBeGreaterThan(0)
        for (const { path, message } of issues) {
          expect(path.length).toBeGreaterThan(0)
          expect(message.length).toBeLessThan(400)
        }
      }
    }
  })
})
