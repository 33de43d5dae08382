import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import * as tf from '@tensorflow/tfjs'
import { beforeAll, describe, expect, test } from 'vitest'
import { importSafetensors } from '../../../../src/zoo/formats/import-safetensors.ts'
import type { NamedTensor } from '../../../../src/zoo/safetensors.ts'
import { WeightsMismatchError } from '../../../../src/zoo/weights-mismatch.ts'
import { custom, flat, pooled } from '../../../support/architectures.ts'
import { useBackend } from '../../../support/backend.ts'
import { seededRandom } from '../../../support/random.ts'
import { decodeSafetensors, importWeights } from '../../../support/weights.ts'
import { place, randomFile, sha256, tensorsOf, write } from './support.ts'

beforeAll(() => useBackend('cpu'))

/** [out, in, h, w] -> [h, w, in, out], or [out, c * h * w] -> [h * w * c, out], by plain loops. */
function toKeras({ shape, data }: NamedTensor, grid: [number, number, number] | null): NamedTensor['data'] {
  const [out, inputs, h = 1, w = 1] = shape as [number, number, number?, number?]
  const result = new Float32Array(data.length)
  for (let o = 0; o < out; o++) {
    for (let i = 0; i < inputs; i++) {
      for (let cell = 0; cell < h * w; cell++) {
        let row = cell * inputs + i
        if (grid !== null) {
          const [gridH, gridW, c] = grid
          const [channel, at] = [Math.floor(i / (gridH * gridW)), i % (gridH * gridW)]
          row = at * c + channel
        }
        result[row * out + o] = (data as Float32Array)[(o * inputs + i) * h * w + cell]!
      }
    }
  }
  return result
}

describe('safetensors of other programs', () => {
  const network = custom('4,4,M,6x1,M', pooled(7, [10, 9]))
  const outline = ['block1_conv1', 'block1_conv2', 'block2_conv1', 'fc1', 'fc2', 'predictions']
  const layers = ['features.0', 'features.2', 'features.5', 'classifier.0', 'classifier.3', 'classifier.6']

  function asKeras(path: string, spell: (layer: string, leaf: string) => string): string {
    return write(
      tensorsOf(path).map((tensor) => {
        const at = layers.findIndex((layer) => tensor.name.startsWith(`${layer}.`))
        if (tensor.name.endsWith('.bias')) return { ...tensor, name: spell(outline[at]!, 'bias') }
        const [out, inputs, ...window] = tensor.shape
        return {
          name: spell(outline[at]!, 'kernel'),
          shape: [...window, inputs!, out!],
          data: toKeras(tensor, at === 3 ? [7, 7, 6] : null),
        }
      }),
    )
  }

  const asTimm = (path: string): string =>
    write(
      tensorsOf(path).map(({ name, shape, data }) => ({
        name: name
          .replace('classifier.0', 'pre_logits.fc1')
          .replace('classifier.3', 'pre_logits.fc2')
          .replace('classifier.6', 'head.fc'),
        shape:
          name === 'classifier.0.weight'
            ? [shape[0]!, 6, 7, 7]
            : name === 'classifier.3.weight'
              ? [...shape, 1, 1]
              : shape,
        data,
      })),
    )

  test.each([
    ['block1_conv1/kernel:0', (layer: string, leaf: string) => `${layer}/${leaf}:0`],
    ['block1_conv1/kernel', (layer: string, leaf: string) => `${layer}/${leaf}`],
    ['block1_conv1.kernel', (layer: string, leaf: string) => `${layer}.${leaf}`],
    ['block1_conv1/block1_conv1/kernel:0', (layer: string, leaf: string) => `${layer}/${layer}/${leaf}:0`],
  ])("named as Keras does (%s) become torchvision's", async (_example, spell) => {
    const { model, path } = await randomFile(network)
    const back = place()
    await importSafetensors(asKeras(path, spell), {
      architecture: network,
      target: back,
      metadata: { format: 'pt' },
      channels: 'RGB',
    })
    expect(sha256(back)).toBe(sha256(path))
    model.dispose()
  })

  test('keep what a file says of the batches that its batch norms have seen', async () => {
    const normal = custom('4,M', flat(), { batchNorm: true })
    const { model, path } = await randomFile(normal)
    model.dispose()
    const all = (file: string) => decodeSafetensors(readFileSync(file)).tensors
    const counted = all(path).map((tensor) =>
      tensor.name.endsWith('num_batches_tracked') ? { ...tensor, data: BigInt64Array.of(77n) } : tensor,
    )
    const target = place()
    await importSafetensors(write(counted), { architecture: normal, target, metadata: {}, channels: 'RGB' })
    expect(all(target).find(({ name }) => name === 'features.1.num_batches_tracked')?.data).toEqual(
      BigInt64Array.of(77n),
    )
  })

  test("named as timm does, with dense layers as convolutions, become torchvision's", async () => {
    const { model, path } = await randomFile(network)
    const back = place()
    await importSafetensors(asTimm(path), {
      architecture: network,
      target: back,
      metadata: { format: 'pt' },
      channels: 'RGB',
    })
    expect(sha256(back)).toBe(sha256(path))
    model.dispose()
  })

  test('that expect BGR become a network that answers the same to RGB', async () => {
    const { model, path } = await randomFile(network)
    const turned = place('.safetensors')
    await importSafetensors(path, { architecture: network, target: turned, metadata: {}, channels: 'BGR' })
    const picture = tf.randomNormal([1, ...network.inputShape], 0, 1, 'float32', 9)
    const expected = (model.predict(picture.reverse(3)) as tf.Tensor).dataSync()
    await importWeights(model, network, decodeSafetensors(readFileSync(turned)).tensors)
    const seen = (model.predict(picture) as tf.Tensor).dataSync()
    for (const [i, value] of expected.entries()) expect(seen[i]).toBeCloseTo(value, 4)
    model.dispose()
  })

  test('in F16 and BF16 become the float32 of the same value', async () => {
    const { model, path } = await randomFile(network)
    for (const dtype of ['F16', 'BF16'] as const) {
      // Values that both types have: quarters from -2 to 2.
      const tensors = tensorsOf(path).map((tensor) => ({
        ...tensor,
        data: Float32Array.from(tensor.data as Float32Array, (_, i) => ((i % 17) - 8) / 4),
      }))
      const whole = write(tensors)
      const back = place()
      const expected = place()
      await importSafetensors(halved(tensors, dtype), {
        architecture: network,
        target: back,
        metadata: {},
        channels: 'RGB',
      })
      await importSafetensors(whole, {
        architecture: network,
        target: expected,
        metadata: {},
        channels: 'RGB',
      })
      expect(sha256(back)).toBe(sha256(expected))
    }
    model.dispose()
  })

  test('with tensors that are missing, surplus or wrong are refused, each by its name in the file', async () => {
    const { model, path } = await randomFile(network)
    const keras = tensorsOf(asKeras(path, (layer, leaf) => `${layer}/${leaf}:0`))
    const changed = keras.filter(({ name }) => name !== 'fc1/kernel:0')
    changed.push({ name: 'block9_conv1/kernel:0', shape: [1], data: new Float32Array(1) })
    const bias = changed.find(({ name }) => name === 'fc2/bias:0')!
    changed[changed.indexOf(bias)] = { ...bias, shape: [3, 3] }
    const target = place()
    const error = await importSafetensors(write(changed), {
      architecture: network,
      target: target,
      metadata: {},
      channels: 'RGB',
    }).catch((it) => it)
    expect(error).toBeInstanceOf(WeightsMismatchError)
    expect(error.missing).toEqual(['fc1/kernel'])
    expect(error.surplus).toEqual(['block9_conv1/kernel'])
    expect(error.wrong).toEqual([{ name: 'fc2/bias', expected: 'float[9]', found: 'float[3, 3]' }])
    expect(existsSync(target)).toBe(false)

    const timm = tensorsOf(asTimm(path)).filter(({ name }) => name !== 'head.fc.bias')
    const other = await importSafetensors(write(timm), {
      architecture: network,
      target: target,
      metadata: {},
      channels: 'RGB',
    }).catch((it) => it)
    expect(other.missing).toEqual(['head.fc.bias'])
    model.dispose()
  })

  test('with a value that is not finite are refused by the name of its tensor', async () => {
    const { model, path } = await randomFile(network)
    for (const bad of [Number.NaN, Number.POSITIVE_INFINITY]) {
      const tensors = tensorsOf(path).map((tensor) => ({
        ...tensor,
        data: tensor.data.slice() as Float32Array,
      }))
      tensors.find(({ name }) => name === 'classifier.3.weight')!.data[7] = bad
      const attempt = importSafetensors(write(tensors), {
        architecture: network,
        target: place(),
        metadata: {},
        channels: 'RGB',
      })
      await expect(attempt).rejects.toThrow(/"classifier\.3\.weight": value 7 is (NaN|Infinity)/)
    }
    model.dispose()
  })

  test('that are mutated are refused, or were not harmed, and nothing is allocated by what they claim', async () => {
    const { model, path } = await randomFile(network)
    const original = readFileSync(path)
    const random = seededRandom(4)
    const target = place()
    const mutated = place('.safetensors')
    const outcomes = { refused: 0, imported: 0 }
    for (let round = 0; round < 1000; round++) {
      writeFileSync(mutated, mutate(original, random))
      const before = process.memoryUsage().arrayBuffers
      try {
        await importSafetensors(mutated, {
          architecture: network,
          target: target,
          metadata: { format: 'pt' },
          channels: 'RGB',
        })
        outcomes.imported++
      } catch (error) {
        expect(['SafetensorsError', 'WeightsMismatchError']).toContain((error as Error).name)
        outcomes.refused++
      }
      expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(20 * original.length)
    }
    // Bytes of values may change, and spaces of the header; everything else is seen.
    expect(outcomes.refused).toBeGreaterThan(700)
    expect(outcomes.imported).toBeGreaterThan(10)
    model.dispose()
  })
})

/** One of the ways in which a file can be wrong. */
function mutate(original: Buffer, random: () => number): Buffer {
  const below = (limit: number) => Math.floor(random() * limit)
  const headerLength = Number(original.readBigUInt64LE(0))
  const header = JSON.parse(original.toString('utf8', 8, 8 + headerLength))
  const names = Object.keys(header).filter((name) => name !== '__metadata__')
  const entry = header[names[below(names.length)]!]
  const rebuild = (): Buffer => {
    const json = Buffer.from(JSON.stringify(header))
    const prefix = Buffer.alloc(8)
    prefix.writeBigUInt64LE(BigInt(json.length))
    return Buffer.concat([prefix, json, original.subarray(8 + headerLength)])
  }
  const huge = [2 ** 31, 2 ** 40, 2 ** 53 - 1, 2 ** 60, 1e300]
  switch (below(8)) {
    case 0:
      return original.subarray(0, below(original.length))
    case 1: {
      const lying = Buffer.from(original)
      lying.writeBigUInt64LE(BigInt(Math.floor(random() * 2 ** 53)) << BigInt(below(11)), 0)
      return lying
    }
    case 2:
      entry.shape[below(entry.shape.length)] = huge[below(huge.length)]
      return rebuild()
    case 3:
      entry.shape = Array.from({ length: 8 }, () => huge[below(huge.length)])
      entry.data_offsets = [0, huge[below(huge.length)]]
      return rebuild()
    case 4:
      entry.data_offsets = [entry.data_offsets[0] - 4 * (1 + below(9)), entry.data_offsets[1] - 4]
      return rebuild()
    case 5: {
      const other = header[names[below(names.length)]!]
      if (other === entry) entry.dtype = 'F64'
      else [entry.data_offsets, other.data_offsets] = [other.data_offsets, [...entry.data_offsets]]
      // Two tensors of one shape may be exchanged: what is wrong then nobody can see.
      if (String(other.shape) === String(entry.shape)) delete entry.dtype
      return rebuild()
    }
    case 6: {
      const flipped = Buffer.from(original)
      const at = 8 + below(headerLength)
      flipped[at]! ^= 1 << below(8)
      return flipped
    }
    default: {
      const flipped = Buffer.from(original)
      flipped[8 + headerLength + below(original.length - 8 - headerLength)]! ^= 1 << below(8)
      return flipped
    }
  }
}

/** The same tensors in a 16-bit type; the values must be some that it has. */
function halved(tensors: NamedTensor[], dtype: 'F16' | 'BF16'): string {
  const header: Record<string, unknown> = {}
  const parts: Buffer[] = []
  let offset = 0
  for (const { name, shape, data } of tensors) {
    const halves = Uint16Array.from(data as Float32Array, (value) => {
      const bits = new Uint32Array(Float32Array.of(value).buffer)[0]!
      if (dtype === 'BF16') return bits >>> 16
      if (value === 0) return 0
      return ((bits >>> 16) & 0x8000) | ((((bits >>> 23) & 0xff) - 127 + 15) << 10) | ((bits >>> 13) & 0x3ff)
    })
    header[name] = { dtype, shape, data_offsets: [offset, offset + halves.byteLength] }
    offset += halves.byteLength
    parts.push(Buffer.from(halves.buffer))
  }
  const json = Buffer.from(JSON.stringify(header))
  const prefix = Buffer.alloc(8)
  prefix.writeBigUInt64LE(BigInt(json.length))
  const path = place('.safetensors')
  writeFileSync(path, Buffer.concat([prefix, json, ...parts]))
  return path
}
