import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as tf from '@tensorflow/tfjs'
import { beforeAll, describe, expect, test } from 'vitest'
import type { Architecture } from '../../../../src/zoo/architecture.ts'
import { exportLayersModel } from '../../../../src/zoo/formats/export-layers-model.ts'
import { importLayersModel } from '../../../../src/zoo/formats/import-layers-model.ts'
import { LayersModelError } from '../../../../src/zoo/layers-model-error.ts'
import { buildModel } from '../../../../src/zoo/model.ts'
import { WeightsMismatchError } from '../../../../src/zoo/weights-mismatch.ts'
import { custom, flat } from '../../../support/architectures.ts'
import { useBackend } from '../../../support/backend.ts'
import { decodeSafetensors, importWeights } from '../../../support/weights.ts'
import { place, randomFile, sha256, tensorsOf, weightFiles } from './support.ts'

beforeAll(() => useBackend('cpu'))

// biome-ignore lint/suspicious/noExplicitAny: a model.json that is about to be made wrong
type Json = any

describe('a LayersModel of other programs', () => {
  const network = custom('6,M,8', flat([9]), { batchNorm: true })

  /** As a person would write the network with TensorFlow.js, with names and defaults of its own. */
  function handwritten(functional: boolean, changes: { epsilon?: number; last?: 'softmax' | 'linear' } = {}) {
    const { epsilon, last = 'softmax' } = changes
    const layers = [
      tf.layers.conv2d({ filters: 6, kernelSize: 3, padding: 'same' }),
      tf.layers.batchNormalization({ epsilon }),
      tf.layers.activation({ activation: 'relu' }),
      tf.layers.maxPooling2d({ poolSize: 2 }),
      tf.layers.conv2d({ filters: 8, kernelSize: [3, 3], padding: 'same' }),
      tf.layers.batchNormalization({ epsilon }),
      tf.layers.reLU(),
      tf.layers.flatten(),
      tf.layers.dense({ units: 9, activation: 'relu' }),
      tf.layers.dropout({ rate: 0.3 }),
      tf.layers.dense({ units: 5, activation: last }),
    ]
    const input = tf.input({ shape: [16, 16, 3] })
    if (functional) {
      const output = layers.reduce((value, layer) => layer.apply(value) as tf.SymbolicTensor, input)
      return randomized(tf.model({ inputs: input, outputs: output }))
    }
    return randomized(
      tf.sequential({ layers: [tf.layers.inputLayer({ inputShape: [16, 16, 3] }), ...layers] }),
    )
  }

  function randomized(model: tf.LayersModel): tf.LayersModel {
    model.setWeights(
      model.getWeights().map((weight, i) => tf.randomUniform(weight.shape, 0.1, 0.5, 'float32', 5 + i)),
    )
    return model
  }

  /** Saved as files, in two groups of shards with odd borders. */
  async function save(
    model: tf.LayersModel,
    change: (json: { modelTopology: object; weightsManifest: object }) => void = () => {},
  ): Promise<string> {
    const home = place()
    mkdirSync(home)
    await model.save({
      async save({ modelTopology, weightSpecs, weightData }) {
        const bytes = Buffer.from(weightData as ArrayBuffer)
        const sizes = weightSpecs!.map(({ shape }) => 4 * shape.reduce((product, it) => product * it, 1))
        const first = sizes.slice(0, 3).reduce((sum, it) => sum + it, 0)
        writeFileSync(join(home, 'a1.bin'), bytes.subarray(0, 101))
        writeFileSync(join(home, 'a2.bin'), bytes.subarray(101, first))
        writeFileSync(join(home, 'b.bin'), bytes.subarray(first))
        const weightsManifest = [
          { paths: ['./a1.bin', 'a2.bin'], weights: weightSpecs!.slice(0, 3) },
          { paths: ['b.bin'], weights: weightSpecs!.slice(3) },
        ]
        const json = { format: 'layers-model', modelTopology: modelTopology as object, weightsManifest }
        change(json)
        writeFileSync(join(home, 'model.json'), JSON.stringify(json))
        return { modelArtifactsInfo: { dateSaved: new Date(), modelTopologyType: 'JSON' } }
      },
    })
    return home
  }

  async function importFolder(home: string, architecture = network) {
    const target = place('.safetensors')
    await importLayersModel(join(home, 'model.json'), weightFiles(home), {
      architecture,
      target: target,
      metadata: {},
      channels: 'RGB',
    })
    return target
  }

  test.each([
    ['a Sequential', false, 1e-3],
    ['a functional model', true, 1e-3],
    ['the epsilon of PyTorch', true, 1e-5],
  ])('predicts the same when it is %s', async (_what, functional, epsilon) => {
    const theirs = handwritten(functional, { epsilon })
    const target = await importFolder(await save(theirs))
    const ours = buildModel(network)
    await importWeights(ours, network, decodeSafetensors(readFileSync(target)).tensors)
    const input = tf.randomNormal([3, 16, 16, 3], 0, 1, 'float32', 2)
    const difference = tf.tidy(() =>
      tf.max(
        tf.abs(tf.sub(tf.softmax(ours.predict(input) as tf.Tensor2D), theirs.predict(input) as tf.Tensor)),
      ),
    )
    expect((await difference.data())[0]).toBeLessThan(1e-5)
    tf.dispose([input, difference])
    ours.dispose()
    theirs.dispose()
  })

  test('may end in logits, and gives the same weights', async () => {
    const logits = await importFolder(await save(handwritten(false, { last: 'linear' })))
    const probabilities = await importFolder(await save(handwritten(false)))
    expect(sha256(logits)).toBe(sha256(probabilities))
  })

  test('may be quantized to 8 or 16 bits', async () => {
    const model = randomized(handwritten(false))
    const home = await save(model)
    const json = JSON.parse(readFileSync(join(home, 'model.json'), 'utf8'))
    const whole = tensorsOf(await importFolder(home))
    for (const dtype of ['uint8', 'uint16'] as const) {
      const steps = dtype === 'uint8' ? 255 : 65_535
      const packed = model.getWeights().map((weight) => {
        const values = weight.dataSync()
        return dtype === 'uint8'
          ? Buffer.from(Uint8Array.from(values, (value) => Math.round(value * steps)))
          : Buffer.from(Uint16Array.from(values, (value) => Math.round(value * steps)).buffer)
      })
      const quantized = place()
      mkdirSync(quantized)
      const names = json.weightsManifest.flatMap(
        ({ weights }: { weights: { name: string; shape: number[] }[] }) => weights,
      )
      const weights = names.map((it: object) => ({
        ...it,
        dtype: 'float32',
        quantization: { dtype, scale: 1 / steps, min: 0, original_dtype: 'float32' },
      }))
      writeFileSync(join(quantized, 'w.bin'), Buffer.concat(packed))
      writeFileSync(
        join(quantized, 'model.json'),
        JSON.stringify({ ...json, weightsManifest: [{ paths: ['w.bin'], weights }] }),
      )
      const read = tensorsOf(await importFolder(quantized))
      for (const [index, { data }] of read.entries()) {
        for (let i = 0; i < data.length; i += 7) {
          const difference = Number(data[i]) - Number(whole[index]!.data[i])
          expect(Math.abs(difference)).toBeLessThan(0.51 / steps + 1e-6)
        }
      }
    }
  })

  const refusals: [string, Architecture, (json: Json) => void, RegExp][] = [
    [
      'another number of filters',
      custom('6,M,7', flat([9]), { batchNorm: true }),
      () => {},
      /CONV 3x3 of 8.*CONV 3x3 of 7/,
    ],
    [
      'a layer too few',
      custom('6,M,8', flat([9, 9]), { batchNorm: true }),
      () => {},
      /DENSE of 5.*DENSE of 9/,
    ],
    ['a layer too many', custom('6,M,8', flat(), { batchNorm: true }), () => {}, /DENSE of 9/],
    ['no batch norm', custom('6,M,8', flat([9])), () => {}, /BATCH_NORM.*RELU/],
    [
      'a stride of 2',
      network,
      (json) => {
        layerOf(json, 'Conv2D').strides = [2, 2]
      },
      /strides is \[2,2\]/,
    ],
    [
      'no padding',
      network,
      (json) => {
        layerOf(json, 'Conv2D').padding = 'valid'
      },
      /padding is "valid" and must be "same"/,
    ],
    [
      'another activation',
      network,
      (json) => {
        layerOf(json, 'Dense').activation = 'tanh'
      },
      /activation is "tanh"/,
    ],
    [
      'an unknown layer',
      network,
      (json) => {
        json.modelTopology.config.layers[2].class_name = 'LSTM'
      },
      /no such layer/,
    ],
    [
      'no topology',
      network,
      (json) => {
        delete json.modelTopology
      },
      /modelTopology is not an object/,
    ],
    [
      'a branch',
      network,
      (json) => {
        json.modelTopology.class_name = 'Model'
      },
      /no chain of layers/,
    ],
    [
      'no manifest',
      network,
      (json) => {
        delete json.weightsManifest
      },
      /no weightsManifest/,
    ],
    [
      'a file that was not sent',
      network,
      (json) => {
        json.weightsManifest[0].paths[1] = '../../etc/passwd'
      },
      /"passwd", which was not sent/,
    ],
    [
      'a file that is not named',
      network,
      (json) => {
        json.weightsManifest.pop()
      },
      /does not name the file "b.bin"/,
    ],
    [
      'a weight that is larger than its file',
      network,
      (json) => {
        json.weightsManifest[1].weights[0].shape[0] = 2 ** 40
      },
      /one is cut short/,
    ],
    [
      'a shape that is larger than any file',
      network,
      (json) => {
        json.weightsManifest[1].weights[0].shape = [2 ** 50, 2 ** 50]
      },
      /larger than any file/,
    ],
    [
      'a type that is not read',
      network,
      (json) => {
        json.weightsManifest[0].weights[0].dtype = 'string'
      },
      /dtype is "string"/,
    ],
  ]
  test.each(refusals)(
    'with %s is refused in words that name it',
    async (_what, architecture, change, message) => {
      const home = await save(handwritten(false), change)
      const error = await importFolder(home, architecture).catch((it) => it)
      expect(error).toBeInstanceOf(LayersModelError)
      expect(error.message).toMatch(message)
    },
  )

  test('that lacks a weight says which', async () => {
    const home = await save(handwritten(false), (json: Json) => {
      json.weightsManifest[0].weights[1].name = 'elsewhere/bias'
    })
    const error = await importFolder(home).catch((it) => it)
    expect(error).toBeInstanceOf(WeightsMismatchError)
    expect(error.surplus).toEqual(['elsewhere/bias'])
    expect(error.missing[0]).toMatch(/conv2d.*\/bias/)
  })

  test('cannot be made of a network with local response normalisation', async () => {
    const lrn = custom('4:lrn,M', flat())
    const { model, path } = await randomFile(lrn)
    await expect(exportLayersModel(path, lrn, place(), {})).rejects.toThrow(LayersModelError)
    model.dispose()
  })
})

function layerOf(json: Json, className: string): Json {
  return json.modelTopology.config.layers.find(
    (layer: { class_name: string }) => layer.class_name === className,
  ).config
}
