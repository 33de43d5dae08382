import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import * as tf from '@tensorflow/tfjs'
import { beforeAll, describe, expect, test } from 'vitest'
import type { Architecture } from '../../../../src/zoo/architecture.ts'
import { findArchitecture } from '../../../../src/zoo/catalog.ts'
import { exportLayersModel } from '../../../../src/zoo/formats/export-layers-model.ts'
import { importLayersModel } from '../../../../src/zoo/formats/import-layers-model.ts'
import { importSafetensors } from '../../../../src/zoo/formats/import-safetensors.ts'
import { custom, flat, pooled } from '../../../support/architectures.ts'
import { useBackend } from '../../../support/backend.ts'
import { place, randomFile, sha256, weightFiles } from './support.ts'

beforeAll(() => useBackend('cpu'))

const NETWORKS: Record<string, Architecture> = {
  vgg_mini: findArchitecture('vgg_mini')!,
  'with dropout': custom('8,M,8x1,M', flat([16, 12], 0.5)),
  'with batch norm and a bare head': custom('8,8,M,12', flat(), { batchNorm: true }),
  'with a pool that keeps its size': custom('8,M', pooled(8)),
  'with a pool of even bins': custom('8,M', pooled(4)),
  'with a pool that repeats cells': custom('8,M,8,M,8,M', pooled(8)),
  'with a pool of uneven bins': custom('8,M', pooled(7)),
  'with a pool of uneven bins on a wide input': custom('8,M', pooled(3), { inputShape: [10, 16, 3] }),
}
/** Loads a folder by tf.loadLayersModel alone. */
function load(home: string): Promise<tf.LayersModel> {
  const json = JSON.parse(readFileSync(join(home, 'model.json'), 'utf8'))
  const [{ paths, weights }] = json.weightsManifest
  const data = Buffer.concat(paths.map((path: string) => readFileSync(join(home, path))))
  return tf.loadLayersModel({
    load: async () => ({
      modelTopology: json.modelTopology,
      weightSpecs: weights,
      weightData: new Uint8Array(data).buffer,
      userDefinedMetadata: json.userDefinedMetadata,
    }),
  })
}

describe.each(Object.entries(NETWORKS))('a network %s', (_name, architecture) => {
  test('as a LayersModel predicts the same, and comes back bit for bit', async () => {
    const { model, path } = await randomFile(architecture)
    const home = place()
    await exportLayersModel(path, architecture, home, { labels: ['a'] })
    // A browser can't load more files than it has connections (export-layers-model.ts).
    expect(readdirSync(home).sort()).toEqual(['model.json', 'weights.bin'])
    const loaded = await load(home)
    expect(loaded.getUserDefinedMetadata()).toEqual({ labels: ['a'] })
    const input = tf.randomNormal([2, ...architecture.inputShape], 0, 1, 'float32', 3)
    const ours = tf.tidy(() => tf.softmax(model.predict(input) as tf.Tensor2D))
    const theirs = loaded.predict(input) as tf.Tensor
    expect(theirs.shape).toEqual(ours.shape)
    const difference = tf.max(tf.abs(tf.sub(ours, theirs)))
    expect((await difference.data())[0]).toBeLessThan(1e-5)

    const back = place()
    await importLayersModel(join(home, 'model.json'), weightFiles(home), {
      architecture,
      target: back,
      metadata: { format: 'pt' },
      channels: 'RGB',
    })
    expect(sha256(back)).toBe(sha256(path))
    tf.dispose([input, ours, theirs, difference])
    model.dispose()
    loaded.dispose()
  })

  test('as safetensors with torchvision names comes back bit for bit', async () => {
    const { model, path } = await randomFile(architecture)
    const back = place()
    const written = await importSafetensors(path, {
      architecture: architecture,
      target: back,
      metadata: { format: 'pt' },
      channels: 'RGB',
    })
    expect(written).toEqual({ digest: sha256(path), bytes: readFileSync(path).length })
    expect(sha256(back)).toBe(sha256(path))
    model.dispose()
  })
})
