import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as tf from '@tensorflow/tfjs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Architecture, Head } from '../../../src/zoo/architecture.ts'
import { parseFeatures } from '../../../src/zoo/features.ts'
import { importSafetensors } from '../../../src/zoo/formats/import-safetensors.ts'
import { buildModel } from '../../../src/zoo/model.ts'
import { openSafetensors } from '../../../src/zoo/safetensors-file.ts'
import { loadWeights } from '../../../src/zoo/weights.ts'
import { useBackend } from '../../support/backend.ts'
import { hasModules, python } from './python.ts'

const folder = mkdtempSync(join(tmpdir(), 'vggzoo-variants-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

function network(features: string, hidden: number[], batchNorm = false): Architecture {
  const head: Head = { kind: 'flat', hidden, dropout: 0 }
  return {
    name: 'custom',
    title: 'Custom',
    origin: 'CUSTOM',
    configuration: null,
    features: parseFeatures(features),
    batchNorm,
    inputShape: [16, 16, 3],
    classes: 5,
    head,
  }
}

function floats(name: string): Float32Array {
  const bytes = readFileSync(join(folder, name))
  return new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length))
}

describe.skipIf(!hasModules('torch'))('what PyTorch saves answers the same here:', () => {
  beforeAll(async () => {
    await useBackend('cpu')
    python('variants.py', folder)
  })

  const batchNorm = network('4,M,4', [], true)
  test.each<[string, Architecture]>([
    ['batch norm behind convolutions without bias, in DataParallel', batchNorm],
    ['batch norm without scale and shift', batchNorm],
    ['one Linear, all in F16', batchNorm],
    ['F64', batchNorm],
    ['an average over steps', batchNorm],
    ['a dropout first', network('4,M', [6, 6])],
    ['a dropout after each ReLU', network('4,4,M,4,4,M', [])],
    ['one Sequential', network('4,M', [])],
    ['lists of layers', network('4,4,M', [6])],
    ['a checkpoint with its optimizer', network('4,M', [6, 6])],
  ])('%s', async (name, architecture) => {
    const target = join(folder, 'imported.safetensors')
    const source = join(folder, `${name}.safetensors`)
    await importSafetensors(source, { architecture, target, metadata: {}, channels: 'RGB' })
    const model = buildModel(architecture)
    const file = await openSafetensors(target)
    await loadWeights(model, architecture, file).finally(() => file.close())
    const ours = tf.tidy(() => {
      const picture = tf.tensor4d(floats('picture'), [1, 3, 16, 16]).transpose([0, 2, 3, 1])
      return (model.predict(picture) as tf.Tensor).dataSync()
    })
    const theirs = floats(`${name}.logits`)
    expect(theirs).toHaveLength(5)
    expect(Math.max(...theirs) - Math.min(...theirs)).toBeGreaterThan(1e-3)
    for (const [i, value] of theirs.entries()) expect(ours[i]).toBeCloseTo(value, 5)
    model.dispose()
  })
})
