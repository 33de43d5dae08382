import { createHash } from 'node:crypto'
import * as tf from '@tensorflow/tfjs'
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { Random } from '../../../src/random.ts'
import type { Architecture } from '../../../src/zoo/architecture.ts'
import { architectures, findArchitecture } from '../../../src/zoo/catalog.ts'
import { parseFeatures } from '../../../src/zoo/features.ts'
import { canonicalTensors } from '../../../src/zoo/formats/canonical.ts'
import { buildModel, initializeWeights } from '../../../src/zoo/model.ts'
import type { NamedTensor } from '../../../src/zoo/safetensors.ts'
import { torchTensors } from '../../../src/zoo/torch-layout.ts'
import { WeightsMismatchError } from '../../../src/zoo/weights-mismatch.ts'
import { useBackend } from '../../support/backend.ts'
import { exportWeights, importWeights } from '../../support/weights.ts'
import { torchForward } from './torch-reference.ts'

const mini = findArchitecture('vgg_mini')!
const pooled: Architecture = {
  ...mini,
  name: 'pooled',
  features: parseFeatures('6,M,8x1,M,10'),
  batchNorm: false,
  inputShape: [42, 36, 3],
  classes: 5,
  head: { kind: 'pooled', size: 7, hidden: [12, 9], dropout: 0.5 },
}

beforeAll(() => useBackend('wasm'))
beforeEach(() => tf.engine().startScope())
afterEach(() => {
  tf.engine().endScope()
  tf.disposeVariables()
})

/** Tensors as PyTorch would save them, all of them random, variances positive. */
function randomTensors(architecture: Architecture): NamedTensor[] {
  return torchTensors(architecture).map(({ name, shape }, i) => {
    const size = shape.reduce((product, length) => product * length, 1)
    const data = new Random(3, i).normal(size, shape.length > 1 ? Math.sqrt(2 / (size / shape[0]!)) : 0.3)
    return { name, shape, data: name.endsWith('running_var') ? data.map((value) => value ** 2 + 0.5) : data }
  })
}

describe('weights in torchvision layout', () => {
  it.each<[string, Architecture]>([
    ['vgg_mini', mini],
    ['a pooled head of 10x9 cells, with 1x1 convolutions and dropout', pooled],
    [
      'a flat head of 10x9 cells without batch norm',
      { ...pooled, head: { kind: 'flat', hidden: [7], dropout: 0 } },
    ],
    [
      'a pooled head with batch norm and no hidden layer',
      { ...pooled, batchNorm: true, head: { kind: 'pooled', size: 7, hidden: [], dropout: 0 } },
    ],
  ])('make %s compute what PyTorch computes', async (_what, architecture) => {
    const tensors = randomTensors(architecture)
    const model = buildModel(architecture)
    await importWeights(model, architecture, tensors)
    const [h, w, c] = architecture.inputShape
    const picture = new Random(11).normal(h * w * c, 1)
    const logits = (model.apply(tf.tensor(picture, [1, h, w, c])) as tf.Tensor).dataSync()
    // The same picture as [c, h, w].
    const chw = Array.from(picture, (_, i) => picture[(i % (h * w)) * c + Math.floor(i / (h * w))]!)
    const expected = torchForward(architecture, tensors, chw)
    const scale = Math.max(...expected.map(Math.abs))
    expect(scale).toBeGreaterThan(0.1)
    expected.forEach((value, i) => {
      expect(Math.abs(logits[i]! - value)).toBeLessThan(1e-5 * scale)
    })
  })

  it('make vgg16_bn the names and shapes of torchvision', () => {
    const tensors = torchTensors(findArchitecture('vgg16_bn')!)
    expect(tensors.slice(0, 7).map(({ name, shape }) => [name, shape])).toEqual([
      ['features.0.weight', [64, 3, 3, 3]],
      ['features.0.bias', [64]],
      ['features.1.weight', [64]],
      ['features.1.bias', [64]],
      ['features.1.running_mean', [64]],
      ['features.1.running_var', [64]],
      ['features.3.weight', [64, 64, 3, 3]],
    ])
    expect(tensors.slice(-6).map(({ name, shape }) => [name, shape])).toEqual([
      ['classifier.0.weight', [4096, 25088]],
      ['classifier.0.bias', [4096]],
      ['classifier.3.weight', [4096, 4096]],
      ['classifier.3.bias', [4096]],
      ['classifier.6.weight', [1000, 4096]],
      ['classifier.6.bias', [1000]],
    ])
    expect(tensors.map(({ counter }) => counter).filter((name) => name !== null)).toHaveLength(13)
  })

  it.each(architectures.map((architecture) => [architecture.name, architecture] as const))(
    'of %s hold every parameter once',
    (_name, architecture) => {
      const tensors = torchTensors(architecture)
      expect(new Set(tensors.map(({ name }) => name)).size).toBe(tensors.length)
    },
  )
})

describe('exported weights', () => {
  it('come back bit for bit through a file, and the answers with them', async () => {
    for (const architecture of [mini, pooled]) {
      const model = buildModel(architecture, { dropout: { seed: 1, step: 1 } })
      initializeWeights(model, 21)
      const x = tf.randomNormal([4, ...architecture.inputShape], 0, 1, 'float32', 5)
      // A forward pass of training, so that the running statistics are not those of a new model.
      model.apply(x, { training: true })
      const exported = await exportWeights(model, architecture)
      const again = buildModel(architecture)
      await importWeights(again, architecture, exported)

      expect(fingerprints(await exportWeights(again, architecture))).toEqual(fingerprints(exported))
      const bits = (of: tf.LayersModel) =>
        of.layers.flatMap((layer) => layer.weights).map((w) => w.read().dataSync())
      bits(model).forEach((values, i) => {
        expect(Buffer.compare(bytes(bits(again)[i]!), bytes(values))).toBe(0)
      })
      expect((again.apply(x) as tf.Tensor).dataSync()).toEqual((model.apply(x) as tf.Tensor).dataSync())
    }
  })

  it('have the keys of a PyTorch state_dict, the counters of batch norm among them', async () => {
    const names = canonicalTensors(mini).map(({ name }) => name)
    expect(names.slice(0, 7)).toEqual([
      'features.0.weight',
      'features.0.bias',
      'features.1.weight',
      'features.1.bias',
      'features.1.running_mean',
      'features.1.running_var',
      'features.1.num_batches_tracked',
    ])
    const exported = await exportWeights(buildModel(mini), mini)
    expect(exported.map(({ name }) => name).sort()).toEqual(names.sort())
    const counter = exported.find(({ name }) => name === 'features.1.num_batches_tracked')
    expect(counter).toMatchObject({ shape: [], data: new BigInt64Array(1) })
  })

  it('share no memory with the model', async () => {
    await useBackend('cpu')
    const model = buildModel(mini)
    for (const { data } of await exportWeights(model, mini)) if (data instanceof Float32Array) data.fill(9)
    for (const weight of model.weights) expect(weight.read().dataSync()).not.toContain(9)
    const tensors = randomTensors(mini)
    await importWeights(model, mini, tensors)
    for (const { data } of tensors) (data as Float32Array).fill(9)
    for (const weight of model.weights) expect(weight.read().dataSync()).not.toContain(9)
    await useBackend('wasm')
  })
})

describe('weights that do not fit', () => {
  it('are refused in one error that lists all that is missing, surplus or wrong, and nothing is changed', async () => {
    const model = buildModel(mini)
    const before = await exportWeights(model, mini)
    const tensors = randomTensors(mini)
      .filter(({ name }) => name !== 'features.3.bias' && name !== 'classifier.0.weight')
      .map((tensor) => {
        if (tensor.name === 'features.0.weight') return { ...tensor, shape: [32, 3, 9, 1] }
        if (tensor.name === 'features.1.bias') return { ...tensor, data: new BigInt64Array(32) }
        return tensor
      })
    tensors.push({ name: 'classifier.6.weight', shape: [1], data: new Float32Array(1) })
    tensors.push({ name: 'features.1.num_batches_tracked', shape: [1], data: new BigInt64Array(1) })

    let error: unknown
    try {
      await importWeights(model, mini, tensors)
    } catch (thrown) {
      error = thrown
    }
    expect(error).toBeInstanceOf(WeightsMismatchError)
    expect(error).toMatchObject({
      missing: ['features.3.bias', 'classifier.0.weight'],
      surplus: ['classifier.6.weight'],
      wrong: [
        { name: 'features.0.weight', expected: 'float[32, 3, 3, 3]', found: 'float[32, 3, 9, 1]' },
        { name: 'features.1.bias', expected: 'float[32]', found: 'I64[32]' },
        { name: 'features.1.num_batches_tracked', expected: 'I64[]', found: 'I64[1]' },
      ],
    })
    const { message } = error as Error
    for (const name of ['vgg_mini', 'features.3.bias', 'classifier.6.weight', 'features.0.weight']) {
      expect(message).toContain(name)
    }
    expect(fingerprints(await exportWeights(model, mini))).toEqual(fingerprints(before))
  })

  it('of another network give a message that can still be read', async () => {
    const others = torchTensors(findArchitecture('vgg19_cifar')!)
    const tensors = others.map(({ name, shape }) => ({ name, shape, data: new Float32Array(0) }))
    const error = await captured(importWeights(buildModel(mini), mini, tensors))
    expect(error.message.length).toBeLessThan(3000)
    expect(error.surplus.length).toBeGreaterThan(20)
  })

  it('because a name comes twice are refused', async () => {
    const tensors = randomTensors(mini)
    const error = await captured(importWeights(buildModel(mini), mini, [...tensors, tensors[0]!]))
    expect(error.surplus).toEqual(['features.0.weight'])
  })
})

async function captured(action: Promise<unknown>): Promise<WeightsMismatchError> {
  try {
    await action
  } catch (error) {
    if (error instanceof WeightsMismatchError) return error
    throw error
  }
  throw new Error('Nothing was thrown.')
}

/** Name, shape and a digest of the bits: comparing them is quick, and so is reading where they differ. */
function fingerprints(tensors: NamedTensor[]) {
  return tensors.map(({ name, shape, data }) => [
    name,
    shape,
    createHash('sha256').update(bytes(data)).digest('hex'),
  ])
}

function bytes({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength)
}
