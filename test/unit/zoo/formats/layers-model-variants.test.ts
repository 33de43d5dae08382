import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as tf from '@tensorflow/tfjs'
import { beforeAll, describe, expect, test } from 'vitest'
import type { Architecture } from '../../../../src/zoo/architecture.ts'
import { importLayersModel } from '../../../../src/zoo/formats/import-layers-model.ts'
import { buildModel } from '../../../../src/zoo/model.ts'
import { WeightsMismatchError } from '../../../../src/zoo/weights-mismatch.ts'
import { custom, flat, pooled } from '../../../support/architectures.ts'
import { useBackend } from '../../../support/backend.ts'
import { decodeSafetensors, importWeights } from '../../../support/weights.ts'
import { place, weightFiles } from './support.ts'

beforeAll(() => useBackend('cpu'))

// biome-ignore lint/suspicious/noExplicitAny: a model.json that is about to be changed
type Json = any
type Layer = tf.layers.Layer
const L = tf.layers

const conv = (options: object = {}) => L.conv2d({ filters: 4, kernelSize: 3, padding: 'same', ...options })
const relu = (filters = 4) => conv({ filters, activation: 'relu' })
const pool = (options: object = {}) => L.maxPooling2d({ poolSize: 2, ...options })
const dense = (options: object = {}) => L.dense({ units: 5, activation: 'softmax', ...options })

/** Random weights in place of zeros and ones, so that none of them can be lost unseen. */
function randomized(model: tf.LayersModel): tf.LayersModel {
  model.setWeights(
    model.getWeights().map((weight, i) => {
      const [low, high] = weight.rank > 1 ? [-0.1, 0.15] : [0.1, 0.5]
      return tf.randomUniform(weight.shape, low, high, 'float32', 5 + i)
    }),
  )
  return model
}

const sequential = (...layers: Layer[]) =>
  randomized(tf.sequential({ layers: [L.inputLayer({ inputShape: [16, 16, 3] }), ...layers] }))

function functional(...layers: Layer[]): tf.LayersModel {
  const input = tf.input({ shape: [16, 16, 3] })
  const output = layers.reduce((value, layer) => layer.apply(value) as tf.SymbolicTensor, input)
  return randomized(tf.model({ inputs: input, outputs: output }))
}

async function save(
  model: tf.LayersModel,
  change: (json: Json) => void = () => {},
  options: tf.io.SaveConfig = {},
): Promise<string> {
  const home = place()
  mkdirSync(home)
  const save = async ({ modelTopology, weightSpecs, weightData }: tf.io.ModelArtifacts) => {
    const json = {
      format: 'layers-model',
      modelTopology,
      weightsManifest: [{ paths: ['w.bin'], weights: weightSpecs }],
    }
    change(json)
    writeFileSync(join(home, 'model.json'), JSON.stringify(json))
    writeFileSync(join(home, 'w.bin'), Buffer.from(weightData as ArrayBuffer))
    return { modelArtifactsInfo: { dateSaved: new Date(), modelTopologyType: 'JSON' as const } }
  }
  await model.save({ save }, options)
  return home
}

async function importFolder(home: string, architecture: Architecture): Promise<string> {
  const target = place('.safetensors')
  await importLayersModel(join(home, 'model.json'), weightFiles(home), {
    architecture,
    target,
    metadata: {},
    channels: 'RGB',
  })
  return target
}

/** That the network of the import answers what the model itself does. */
async function expectSame(theirs: tf.LayersModel, home: string, architecture: Architecture): Promise<void> {
  const ours = buildModel(architecture)
  const { tensors } = decodeSafetensors(readFileSync(await importFolder(home, architecture)))
  await importWeights(ours, architecture, tensors)
  const difference = tf.tidy(() => {
    const input = tf.randomNormal([3, 16, 16, 3], 0, 1, 'float32', 2)
    const expected = theirs.predict(input) as tf.Tensor
    return tf.max(tf.abs(tf.sub(tf.softmax(ours.predict(input) as tf.Tensor2D), expected)))
  })
  expect((await difference.data())[0]).toBeLessThan(1e-6)
  difference.dispose()
  ours.dispose()
  theirs.dispose()
}

const plain = custom('4,M', flat())
const norm = custom('4,M', flat(), { batchNorm: true })
const small = custom('4,M,4,M,4,M,4,M', flat())
const gap = custom('4,M', { kind: 'pooled', size: 1, hidden: [], dropout: 0 })
const plainLayers = (): Layer[] => [relu(), pool(), L.flatten(), dense()]

describe('a LayersModel answers the same with', () => {
  const withBatchNorm = (convolution: object, norm: object): Layer[] => [
    conv(convolution),
    L.batchNormalization(norm),
    L.reLU(),
    pool(),
    L.flatten(),
    dense(),
  ]
  const four = (last: () => Layer[]) => [
    relu(),
    pool(),
    relu(),
    pool(),
    relu(),
    pool(),
    relu(),
    ...last(),
    dense(),
  ]

  test.each<[string, Architecture, () => Layer[]]>([
    ['no bias before batch norm', norm, () => withBatchNorm({ useBias: false }, {})],
    ['a batch norm without scale', norm, () => withBatchNorm({}, { scale: false })],
    ['a batch norm without shift', norm, () => withBatchNorm({}, { center: false })],
    [
      'neither, and another epsilon',
      norm,
      () => withBatchNorm({ useBias: false }, { scale: false, center: false, epsilon: 1e-2 }),
    ],
    [
      'an epsilon below the own, and another momentum',
      norm,
      () => withBatchNorm({}, { epsilon: 1e-7, momentum: 0.5 }),
    ],
    [
      'no bias at all',
      plain,
      () => [conv({ useBias: false }), L.reLU(), pool(), L.flatten(), dense({ useBias: false })],
    ],
    [
      'a border of zeros and a convolution without',
      plain,
      () => [
        L.zeroPadding2d({}),
        conv({ padding: 'valid', activation: 'relu' }),
        pool(),
        L.flatten(),
        dense(),
      ],
    ],
    [
      'a border with noise behind it',
      plain,
      () => [
        L.zeroPadding2d({
          padding: [
            [1, 1],
            [1, 1],
          ],
        }),
        L.gaussianNoise({ stddev: 1 }),
        conv({ padding: 'valid' }),
        L.activation({ activation: 'relu' }),
        pool(),
        L.flatten(),
        dense(),
      ],
    ],
    ['an average over all', gap, () => [relu(), pool(), L.globalAveragePooling2d({}), dense()]],
    [
      'an average pool over all, flattened',
      gap,
      () => [relu(), pool(), L.averagePooling2d({ poolSize: 8, strides: 1 }), L.flatten(), dense()],
    ],
    ['an average over one cell', small, () => four(() => [pool(), L.globalAveragePooling2d({})])],
    ['a maximum over one cell', small, () => four(() => [pool(), L.globalMaxPooling2d({})])],
    ['a maximum over all that is the last pool', small, () => four(() => [L.globalMaxPooling2d({})])],
    [
      'noise and dropout of all kinds',
      plain,
      () => [
        L.gaussianNoise({ stddev: 1 }),
        conv(),
        L.gaussianDropout({ rate: 0.5 }),
        L.reLU(),
        pool(),
        L.dropout({ rate: 0.5 }),
        L.flatten(),
        L.alphaDropout({ rate: 0.5 }),
        L.activation({ activation: 'linear' }),
        dense({ activation: 'linear' }),
        L.softmax({}),
      ],
    ],
    ['a Reshape that flattens', plain, () => [relu(), pool(), L.reshape({ targetShape: [256] }), dense()]],
    [
      'a Reshape to what is there',
      plain,
      () => [L.reshape({ targetShape: [16, 16, 3] }), relu(), pool(), L.flatten(), dense()],
    ],
    [
      'a leak of 0, and ReLU twice',
      plain,
      () => [relu(), L.reLU(), L.leakyReLU({ alpha: 0 }), pool(), L.flatten(), dense()],
    ],
    [
      'a pool with "same" that adds nothing',
      plain,
      () => [relu(), pool({ padding: 'same' }), L.flatten(), dense()],
    ],
    ['a scale of 1', plain, () => [L.rescaling({ scale: 1 }), ...plainLayers()]],
    [
      'an axis by its number',
      norm,
      () => [
        conv(),
        L.batchNormalization({ axis: 3 }),
        L.reLU(),
        pool(),
        L.permute({ dims: [1, 2, 3] }),
        L.flatten(),
        dense(),
      ],
    ],
  ])('%s', async (_what, architecture, layers) => {
    const model = sequential(...layers())
    await expectSame(model, await save(model), architecture)
  })

  test('models in the place of layers', async () => {
    const features = tf.sequential({ layers: [conv({ inputShape: [16, 16, 3] }), L.reLU(), pool()] })
    const flattened = tf.input({ shape: [256] })
    const head = tf.model({ inputs: flattened, outputs: dense().apply(flattened) as tf.SymbolicTensor })
    const model = functional(features as unknown as Layer, L.flatten(), head as unknown as Layer)
    await expectSame(model, await save(model), plain)
  })

  test('models whose layers have the same names within', async () => {
    const two = custom('4,4,M', flat())
    const part = (channels: number) =>
      tf.sequential({
        layers: [
          L.conv2d({
            name: 'same',
            inputShape: [16, 16, channels],
            filters: 4,
            kernelSize: 3,
            padding: 'same',
            activation: 'relu',
          }),
        ],
      })
    const [first, second] = [part(3), part(4)]
    const model = functional(
      first as unknown as Layer,
      second as unknown as Layer,
      pool(),
      L.flatten(),
      dense(),
    )
    const home = await save(model, (json) => {
      const [kernel1, bias1, kernel2, bias2] = json.weightsManifest[0].weights
      kernel1.name = `model/${first.name}/same/kernel`
      bias1.name = `model/${first.name}/same/bias:0`
      kernel2.name = `model/${second.name}/same/kernel`
      bias2.name = `model/${second.name}/same/bias:0`
    })
    await expectSame(model, home, two)
  })

  test('a Reshape to whatever length there is', async () => {
    const model = sequential(relu(), pool(), L.reshape({ targetShape: [256] }), dense())
    const home = await save(model, (json) => {
      layerOf(json, 'Reshape').target_shape = [-1]
    })
    await expectSame(model, home, plain)
  })

  test.each(['sequential/', 'model_1/functional/'])('names of Keras 3 (%s...)', async (prefix) => {
    const model = sequential(...plainLayers())
    const home = await save(model, (json) => {
      for (const weight of json.weightsManifest[0].weights) weight.name = prefix + weight.name
    })
    await expectSame(model, home, plain)
  })

  test('the inbound_nodes of Keras 3, in any order of the list', async () => {
    const model = functional(...plainLayers())
    const home = await save(model, ({ modelTopology: { config } }) => {
      let before: string | null = null
      for (const layer of config.layers) {
        const history = {
          class_name: '__keras_tensor__',
          config: { shape: [null], dtype: 'float32', keras_history: [before, 0, 0] },
        }
        layer.inbound_nodes = before === null ? [] : [{ args: [history], kwargs: { training: false } }]
        before = layer.config.name
        if (layer.config.activation === 'relu')
          layer.config.activation = { module: 'builtins', class_name: 'function', config: 'relu' }
        layer.config.dtype = { module: 'keras', class_name: 'DTypePolicy', config: { name: 'float32' } }
      }
      const [input] = config.layers
      input.config = { name: input.config.name, batch_shape: [null, 16, 16, 3] }
      config.layers.reverse()
    })
    await expectSame(model, home, plain)
  })

  test("an optimizer's weights, ints and seeds", async () => {
    const model = sequential(...plainLayers())
    model.compile({ optimizer: 'adam', loss: 'categoricalCrossentropy' })
    await model.fit(tf.zeros([2, 16, 16, 3]), tf.oneHot([0, 1], 5), { epochs: 1, verbose: 0 })
    const home = await save(
      model,
      (json) => {
        const { weights } = json.weightsManifest[0]
        expect(weights.some(({ group }: { group?: string }) => group === 'optimizer')).toBe(true)
        weights.unshift(
          { name: 'dropout/seed', shape: [0], dtype: 'uint32' },
          { name: 'b', shape: [0, 2], dtype: 'bool' },
        )
        // Not all programs say which group it is.
        for (const weight of weights.slice(-3)) weight.group = undefined
      },
      { includeOptimizer: true },
    )
    await expectSame(model, home, plain)
  })
})

describe('a LayersModel is refused by the name of its layer with', () => {
  test.each<[string, Architecture, () => Layer[], RegExp]>([
    [
      'a border that no convolution uses',
      plain,
      () => [conv(), L.reLU(), L.zeroPadding2d({}), pool(), L.flatten(), dense()],
      /border of zeros/,
    ],
    [
      'a border too many',
      plain,
      () => [L.zeroPadding2d({}), relu(), pool(), L.flatten(), dense()],
      /border of 2 zeros and must have 1/,
    ],
    [
      'a border on one side',
      plain,
      () => [
        L.zeroPadding2d({
          padding: [
            [1, 0],
            [1, 0],
          ],
        }),
        relu(),
        pool(),
        L.flatten(),
        dense(),
      ],
      /same on all sides/,
    ],
    [
      'a maximum over all',
      gap,
      () => [relu(), pool(), L.globalMaxPooling2d({}), dense()],
      /MAX_POOL 8x8, where custom has AVG_POOL 8x8/,
    ],
    [
      'an average over all where all is flattened',
      plain,
      () => [relu(), pool(), L.globalAveragePooling2d({}), dense()],
      /AVG_POOL 8x8, where custom has FLATTEN/,
    ],
    [
      'a pool that overlaps',
      plain,
      () => [relu(), L.maxPooling2d({ poolSize: 2, strides: 1 }), L.flatten(), dense()],
      /strides are 1x1/,
    ],
    [
      'a ReLU that ends at 6',
      plain,
      () => [conv(), L.reLU({ maxValue: 6 }), pool(), L.flatten(), dense()],
      /max_value/,
    ],
    ['a leak', plain, () => [conv(), L.leakyReLU({ alpha: 0.1 }), pool(), L.flatten(), dense()], /ReLU/],
    [
      'ReLU before batch norm',
      norm,
      () => [conv(), L.reLU(), L.batchNormalization(), pool(), L.flatten(), dense()],
      /RELU, where custom has BATCH_NORM/,
    ],
    [
      'channels first',
      plain,
      () => [conv({ dataFormat: 'channelsFirst' }), L.reLU(), pool(), L.flatten(), dense()],
      /data_format/,
    ],
    [
      'a dilation',
      plain,
      () => [conv({ dilationRate: 2 }), L.reLU(), pool(), L.flatten(), dense()],
      /dilation_rate/,
    ],
    [
      'scaled pixels',
      plain,
      () => [L.rescaling({ scale: 1 / 127.5, offset: -1 }), ...plainLayers()],
      /say mean and std, 0\.5 and 0\.5 for R, G and B/,
    ],
    [
      'a permutation before Flatten',
      plain,
      () => [relu(), pool(), L.permute({ dims: [3, 1, 2] }), L.flatten(), dense()],
      /PERMUTE 3,1,2, where custom has FLATTEN/,
    ],
    [
      'another Reshape',
      plain,
      () => [relu(), pool(), L.reshape({ targetShape: [64, 4] }), L.flatten(), dense()],
      /makes \[64,4\] of \[8,8,4\]/,
    ],
    [
      'a separable convolution',
      plain,
      () => [
        L.separableConv2d({ filters: 4, kernelSize: 3, padding: 'same' }),
        L.reLU(),
        pool(),
        L.flatten(),
        dense(),
      ],
      /no such layer/,
    ],
  ])('%s', async (_what, architecture, layers, message) => {
    const home = await save(sequential(...layers()))
    await expect(importFolder(home, architecture)).rejects.toThrow(message)
  })

  test.each<[string, (json: Json) => void, RegExp]>([
    ['groups', (json) => (layerOf(json, 'Conv2D').groups = 2), /groups is 2/],
    [
      'one layer used twice',
      (json) => layersOf(json)[2].inbound_nodes.push(layersOf(json)[2].inbound_nodes[0]),
      /no chain/,
    ],
    ['a circle', (json) => (layersOf(json)[1].inbound_nodes = [[['dense_last', 0, 0, {}]]]), /no chain/],
    [
      'pictures of another size',
      (json) => (layerOf(json, 'InputLayer').batch_input_shape = [null, 64, 48, 3]),
      /say preprocessing\.size \[64, 48\]/,
    ],
    [
      'grey pictures',
      (json) => (layerOf(json, 'InputLayer').batch_input_shape = [null, 16, 16, 1]),
      /1 channels/,
    ],
    [
      'channels first',
      (json) => (layerOf(json, 'InputLayer').batch_input_shape = [null, 3, 16, 16]),
      /channels first/,
    ],
    [
      'numbers of 8 bits without their range',
      (json) => (json.weightsManifest[0].weights[0].quantization = { dtype: 'uint8' }),
      /no scale or min/,
    ],
    ['operations in the place of layers', (json) => (json.format = 'graph-model'), /graph model/],
  ])('%s', async (_what, change, message) => {
    const home = await save(functional(...plainLayers().slice(0, -1), dense({ name: 'dense_last' })), change)
    await expect(importFolder(home, plain)).rejects.toThrow(message)
  })

  test('a float that belongs to no layer, or a weight of another type', async () => {
    const model = sequential(...plainLayers())
    const surplus = await save(model, (json) => {
      json.weightsManifest[0].weights.push({ name: 'other/kernel', shape: [0, 3], dtype: 'float32' })
    })
    const error = await importFolder(surplus, plain).catch((it) => it)
    expect(error).toBeInstanceOf(WeightsMismatchError)
    expect(error.surplus).toEqual(['other/kernel'])

    const ints = await save(model, (json) => {
      json.weightsManifest[0].weights[1].dtype = 'int32'
    })
    const other = await importFolder(ints, plain).catch((it) => it)
    expect(other.wrong).toEqual([
      { name: expect.stringMatching(/bias$/), expected: 'float[4]', found: 'int32[4]' },
    ])
  })

  test('all files of weights that were not sent', async () => {
    const home = await save(sequential(...plainLayers()), (json) => {
      json.weightsManifest[0].paths = ['group1-shard1of3.bin', 'w.bin', 'group1-shard3of3.bin']
    })
    await expect(importFolder(home, plain)).rejects.toThrow(
      'the files "group1-shard1of3.bin", "group1-shard3of3.bin", which were not sent.',
    )
  })
})

test('a size that the model leaves open is that of its preprocessing', async () => {
  const input = tf.input({ shape: [null, null, 3] })
  const layers = [relu(), pool(), L.globalAveragePooling2d({}), dense()]
  const output = layers.reduce((value, layer) => layer.apply(value) as tf.SymbolicTensor, input)
  const model = randomized(tf.model({ inputs: input, outputs: output }))
  await expectSame(model, await save(model), gap)
})

test('a head of hidden layers behind an average over all', async () => {
  const architecture = custom('4,M', { ...pooled(1, [6]), dropout: 0.5 })
  const model = sequential(
    relu(),
    pool(),
    L.globalAveragePooling2d({}),
    L.dense({ units: 6, activation: 'relu' }),
    dense(),
  )
  await expectSame(model, await save(model), architecture)
})

const layersOf = (json: Json): Json[] => json.modelTopology.config.layers
const layerOf = (json: Json, className: string): Json =>
  layersOf(json).find((layer) => layer.class_name === className).config
