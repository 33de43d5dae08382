import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as tf from '@tensorflow/tfjs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { selectEngine } from '../../../src/engine/select.ts'
import { featuresOf } from '../../../src/predictor/reasons/features.ts'
import { gradCam, inputGradient } from '../../../src/predictor/reasons/gradients.ts'
import { Random } from '../../../src/random.ts'
import { analyze } from '../../../src/zoo/analysis.ts'
import type { Architecture } from '../../../src/zoo/architecture.ts'
import { findArchitecture } from '../../../src/zoo/catalog.ts'
import { buildModel, initializeWeights } from '../../../src/zoo/model.ts'
import { openSafetensors } from '../../../src/zoo/safetensors-file.ts'
import { loadWeights } from '../../../src/zoo/weights.ts'
import { custom, flat } from '../../support/architectures.ts'
import { saveWeights } from '../../support/weights.ts'
import { hasModules, python } from './python.ts'

const available = hasModules('torch')

const folder = mkdtempSync(join(tmpdir(), 'vggzoo-reasons-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const network = (features: string, changes: Partial<Architecture> = {}) =>
  custom(features, flat(), { inputShape: [24, 20, 3], ...changes })

const NETWORKS: Record<string, Architecture> = {
  'the small one of the zoo, with batch norm': findArchitecture('vgg_mini')!,
  'local response normalisation, also behind the last convolution': network('8:lrn,M,12:lrn'),
  '1x1 convolutions, and dropout before the last layer': network('8,M,12,12x1,M', {
    head: { kind: 'flat', hidden: [16], dropout: 0.5 },
  }),
  'an average pool whose cells overlap': network('8,M,12,12', {
    head: { kind: 'pooled', size: 7, hidden: [], dropout: 0 },
  }),
  '224 x 224 pixels and 1000 classes': network('8,M,8,M,12,M,12,M,16,M', {
    inputShape: [224, 224, 3],
    classes: 1000,
    head: { kind: 'pooled', size: 7, hidden: [32], dropout: 0.5 },
  }),
  'residual connections': network('8,8,8,+2,M,16,16,+1', { batchNorm: true }),
}
const CLASS = 3

const floats = (file: string) => {
  const bytes = readFileSync(join(folder, file))
  return new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length))
}

/** The largest difference, relative to the largest value. */
function difference(ours: ArrayLike<number>, theirs: Float32Array): number {
  expect(ours).toHaveLength(theirs.length)
  const largest = theirs.reduce((most, value) => Math.max(most, Math.abs(value)), 0)
  expect(largest).toBeGreaterThan(0)
  return theirs.reduce((most, value, i) => Math.max(most, Math.abs(value - ours[i]!)), 0) / largest
}

/** One process of PyTorch for all: loading it takes longer than what it computes. */
beforeAll(async () => {
  if (!available) return
  await selectEngine('cpu')
  const specs: object[] = []
  for (const [name, architecture] of Object.entries(NETWORKS)) {
    const [height, width, channels] = architecture.inputShape
    const model = buildModel(architecture)
    initializeWeights(model, 5)
    const random = new Random(6)
    for (const weight of model.weights) {
      const size = tf.util.sizeFromShape(weight.shape as number[])
      const isVector = weight.shape.length === 1
      const around = /gamma|variance/.test(weight.originalName) ? 1 : 0
      // Dense layers begin with weights so small that every class has the same logit.
      const deviation = isVector ? 0.1 : weight.shape.length === 2 ? Math.sqrt(2 / weight.shape[0]!) : null
      if (deviation === null) continue
      const values = random
        .normal(size, deviation)
        .map((value) => (around > 0 ? Math.abs(value + around) : value))
      const tensor = tf.tensor(values, weight.shape as number[])
      weight.write(tensor)
      tensor.dispose()
    }
    const weights = join(folder, name)
    await saveWeights(model, architecture, weights, {})
    model.dispose()
    const picture = `${weights}.picture`
    writeFileSync(picture, new Uint8Array(random.normal(channels * height * width, 1).buffer))
    const { layers } = analyze(architecture)
    specs.push({ layers, weights, picture, shape: [1, channels, height, width], class: CLASS })
  }
  python('reasons.py', JSON.stringify(specs))
})

describe.skipIf(!available).each(['native', 'wasm'] as const)('PyTorch and %s find the same', (engine) => {
  beforeAll(() => selectEngine(engine))

  test.each(Object.entries(NETWORKS))('in a network with %s', async (name, architecture) => {
    const [height, width, channels] = architecture.inputShape
    const before = tf.memory().numTensors
    const model = buildModel(architecture)
    const file = await openSafetensors(join(folder, name))
    await loadWeights(model, architecture, file).finally(() => file.close())
    const picture = tf.tidy(() =>
      tf.tensor4d(floats(`${name}.picture`), [1, channels, height, width]).transpose([0, 2, 3, 1]),
    ) as tf.Tensor4D
    const found = { gradient: inputGradient(model, picture, CLASS), gradCam: gradCam(model, picture, CLASS) }
    for (const [method, map] of Object.entries(found)) {
      expect(map.shape).toEqual([height, width])
      expect(difference(map.dataSync(), floats(`${name}.${method}`))).toBeLessThan(1e-4)
    }
    const features = featuresOf(model)(picture)
    expect(difference(features.dataSync(), floats(`${name}.features`))).toBeLessThan(1e-4)
    tf.dispose([picture, found, features])
    model.dispose()
    expect(tf.memory().numTensors).toBe(before)
  })
})
