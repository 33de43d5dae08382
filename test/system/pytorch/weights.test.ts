import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as tf from '@tensorflow/tfjs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { selectEngine } from '../../../src/engine/select.ts'
import { Random } from '../../../src/random.ts'
import { findArchitecture } from '../../../src/zoo/catalog.ts'
import { importSafetensors } from '../../../src/zoo/formats/import-safetensors.ts'
import { forwardOf } from '../../../src/zoo/forward.ts'
import { buildModel, initializeWeights } from '../../../src/zoo/model.ts'
import { openSafetensors } from '../../../src/zoo/safetensors-file.ts'
import { loadWeights } from '../../../src/zoo/weights.ts'
import { saveWeights } from '../../support/weights.ts'
import { hasModules, startPython } from './python.ts'

const folder = mkdtempSync(join(tmpdir(), 'vggzoo-pytorch-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

beforeAll(async () => {
  await selectEngine('native').catch(() => selectEngine('wasm'))
})

function floats(bytes: Buffer): Float32Array {
  return new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length))
}

/** The largest difference, relative to the largest logit. */
function difference(ours: ArrayLike<number>, theirs: Float32Array): number {
  expect(ours).toHaveLength(theirs.length)
  const largest = theirs.reduce((most, value) => Math.max(most, Math.abs(value)), 0)
  expect(largest).toBeGreaterThan(0)
  return theirs.reduce((most, value, i) => Math.max(most, Math.abs(value - ours[i]!)), 0) / largest
}

describe.skipIf(!hasModules('torch', 'torchvision'))(
  'PyTorch (apt-get install python3-torch python3-torchvision)',
  () => {
    let script: ReturnType<typeof startPython>
    beforeAll(() => {
      script = startPython('vgg.py')
    })
    afterAll(() => script.end())

    /** Logits by PyTorch, of one picture [c, h, w] as a file. */
    async function pytorch(network: string, shape: number[], more: object): Promise<Float32Array> {
      const output = join(folder, 'logits')
      await script.ask({ network, input: join(folder, 'picture'), shape, output, ...more })
      return floats(readFileSync(output))
    }

    // With batch norm and without, with 1x1 convolutions, and of another size.
    describe.each(['vgg11_bn', 'vgg16_c', 'lecture_vgg16'])('of %s', (name) => {
      const architecture = findArchitecture(name)!
      const [height, width, channels] = architecture.inputShape
      const shape = [1, channels, height, width]
      /** The same picture as [h, w, c]. */
      let picture: tf.Tensor4D
      let model: tf.LayersModel

      beforeAll(() => {
        const values = new Random(11).normal(channels * height * width, 1)
        writeFileSync(join(folder, 'picture'), new Uint8Array(values.buffer))
        picture = tf.tidy(() =>
          tf.tensor4d(values, shape as [number, number, number, number]).transpose([0, 2, 3, 1]),
        )
        model = buildModel(architecture)
      })
      afterAll(() => {
        model.dispose()
        picture.dispose()
      })

      const logits = () => tf.tidy(() => forwardOf(model, { training: false })(picture).dataSync())

      test('loads our export with strict=True and answers the same logits', async () => {
        initializeWeights(model, 5)
        const random = new Random(6)
        for (const weight of model.weights.filter(({ shape }) => shape.length === 1)) {
          const around = /gamma|variance/.test(weight.originalName) ? 1 : 0
          const values = random.normal(weight.shape[0]!, 0.1).map((value) => Math.abs(value + around))
          const tensor = tf.tensor1d(values)
          weight.write(tensor)
          tensor.dispose()
        }
        const path = join(folder, 'ours.safetensors')
        await saveWeights(model, architecture, path, { format: 'pt' })
        expect(difference(logits(), await pytorch(name, shape, { load: path }))).toBeLessThan(1e-4)
      })

      // BF16 by the small one alone: the big ones take their time.
      test.each(name === 'lecture_vgg16' ? ['F32', 'F16', 'BF16'] : ['F32'])(
        'saves weights in %s that we import, with the same logits',
        async (dtype) => {
          const theirs = join(folder, 'theirs.safetensors')
          const expected = await pytorch(name, shape, { save: theirs, seed: 3, dtype })
          const imported = join(folder, 'imported.safetensors')
          await importSafetensors(theirs, {
            architecture: architecture,
            target: imported,
            metadata: {},
            channels: 'RGB',
          })
          const file = await openSafetensors(imported)
          await loadWeights(model, architecture, file).finally(() => file.close())
          expect(difference(logits(), expected)).toBeLessThan(1e-4)
        },
      )
    })
  },
)
