import { writeFileSync } from 'node:fs'
import { beforeAll, describe, expect, test } from 'vitest'
import type { Architecture } from '../../../../src/zoo/architecture.ts'
import { importSafetensors } from '../../../../src/zoo/formats/import-safetensors.ts'
import { outlineOfFile } from '../../../../src/zoo/formats/match-tensors.ts'
import { openSafetensors } from '../../../../src/zoo/safetensors-file.ts'
import { WeightsMismatchError } from '../../../../src/zoo/weights-mismatch.ts'
import { custom, flat, pooled } from '../../../support/architectures.ts'
import { useBackend } from '../../../support/backend.ts'
import { place, randomFile, tensorsOf } from './support.ts'

beforeAll(() => useBackend('cpu'))

/** A tensor as any program may write it. */
interface Raw {
  dtype: string
  shape: readonly number[]
  bytes: Buffer
}
type File = Map<string, Raw>

const bits: Record<string, number> = { F64: 64, F32: 32, F16: 16, I64: 64, I32: 32, I16: 16, C64: 64, F4: 4 }
const blank = (dtype: string, shape: number[]): Raw => ({
  dtype,
  shape,
  bytes: Buffer.alloc((shape.reduce((product, it) => product * it, 1) * (bits[dtype] ?? 8)) / 8),
})
const float = (values: number[], shape = [values.length]): Raw => ({
  dtype: 'F32',
  shape,
  bytes: Buffer.from(Float32Array.from(values).buffer),
})

function save(file: File): string {
  const header: Record<string, unknown> = {}
  let offset = 0
  for (const [name, { dtype, shape, bytes }] of file) {
    header[name] = { dtype, shape, data_offsets: [offset, offset + bytes.length] }
    offset += bytes.length
  }
  const json = Buffer.from(JSON.stringify(header))
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(BigInt(json.length))
  const path = place('.safetensors')
  writeFileSync(path, Buffer.concat([length, json, ...[...file.values()].map(({ bytes }) => bytes)]))
  return path
}

async function canonical(architecture: Architecture): Promise<File> {
  const { model, path } = await randomFile(architecture)
  model.dispose()
  return new Map(
    tensorsOf(path).map(({ name, shape, data }) => [name, float([...(data as Float32Array)], [...shape])]),
  )
}

/** What an import makes of a file, by torchvision's names. */
async function imported(file: File, architecture: Architecture): Promise<Record<string, number[]>> {
  const target = place('.safetensors')
  await importSafetensors(save(file), { architecture, target, metadata: {}, channels: 'RGB' })
  return valuesOf(
    new Map(
      tensorsOf(target).map(({ name, shape, data }) => [
        name,
        float([...(data as Float32Array)], [...shape]),
      ]),
    ),
  )
}

const valuesOf = (file: File) =>
  Object.fromEntries(
    [...file]
      .map(([name, { bytes }]): [string, number[]] => [
        name,
        [...new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4)],
      ])
      .sort(([one], [other]) => (one < other ? -1 : 1)),
  )

const renamed = (file: File, rename: (name: string) => string | null): File =>
  new Map(
    [...file].flatMap(([name, raw]): [string, Raw][] => {
      const other = rename(name)
      return other === null ? [] : [[other, raw]]
    }),
  )

/** features.0, features.3, ... as they are numbered elsewhere. */
const numbered = (file: File, numbers: Record<string, string>): File =>
  renamed(file, (name) => {
    const [layer] = /^.*(?=\.)/.exec(name)!
    return (numbers[layer] ?? layer) + name.slice(layer.length)
  })

async function mismatch(file: File, architecture: Architecture): Promise<WeightsMismatchError> {
  const error = await imported(file, architecture).catch((it) => it)
  expect(error).toBeInstanceOf(WeightsMismatchError)
  return error
}

/** conv 0, bn 1, relu 2, pool 3, conv 4, bn 5, relu 6; dense 0, relu 1, dropout 2, dense 3. */
const network = custom('4,M,4', flat([6], 0.5), { batchNorm: true })
const plain = custom('4,4,M', flat([5, 5], 0))

describe('what nothing reads does not decide', () => {
  test.each<[string, Record<string, Raw>]>([
    ['a counter as F16', { 'features.1.num_batches_tracked': blank('F16', []) }],
    ['a counter of shape [1]', { 'features.1.num_batches_tracked': blank('I64', [1]) }],
    ['a counter as I32', { 'features.1.num_batches_tracked': blank('I32', []) }],
    ['a counter of another network', { 'features.99.num_batches_tracked': blank('F32', [3]) }],
    ['an int', { epoch: blank('I64', []), n_averaged: blank('I64', [1]) }],
    [
      'types that are not read',
      { mask: blank('BOOL', [4]), 'a.b': blank('U8', [7]), c: blank('F8_E4M3', [2]) },
    ],
    [
      'more of them',
      { d: blank('I16', [2]), e: blank('C64', [1]), f: blank('F4', [4]), g: blank('F8_E8M0', [3]) },
    ],
    [
      'an optimizer',
      { 'optimizer.state.0.exp_avg': float([1]), 'optimizer.param_groups.0.lr': float([1], []) },
    ],
    ["an optimizer's moments below the weights", { 'features.0.weight.exp_avg': blank('F32', [4, 3, 3, 3]) }],
    ['a loss', { 'criterion.weight': float([1, 2, 3]), 'lr_scheduler.last': float([1]) }],
  ])('%s', async (_what, more) => {
    const file = await canonical(network)
    expect(await imported(new Map([...file, ...Object.entries(more)]), network)).toEqual(valuesOf(file))
  })

  test('an average of the weights beside them, which is read where it is alone', async () => {
    const file = await canonical(network)
    const average = renamed(
      new Map([...file].map(([name, raw]) => [name, blank('F32', [...raw.shape])])),
      (name) => `ema_model.module.${name}`,
    )
    expect(await imported(new Map([...average, ...file]), network)).toEqual(valuesOf(file))
    const zeros = Object.fromEntries(
      Object.entries(valuesOf(file)).map(([name, values]) => [name, values.map(() => 0)]),
    )
    expect(await imported(average, network)).toEqual(zeros)
  })

  test('but a float of another layer does, whatever its shape', async () => {
    const file = await canonical(network)
    for (const [name, raw] of [
      ['classifier.6.weight', blank('F32', [5, 5])],
      ['aux.conv.weight', blank('F16', [4, 4, 3, 3])],
      ['scale', blank('F64', [])],
      ['normalize.mean', blank('F32', [3])],
    ] as const) {
      expect((await mismatch(new Map([...file, [name, raw]]), network)).surplus).toEqual([name])
    }
  })

  test('and a weight of a type that is not read is told by its name', async () => {
    const file = await canonical(network)
    const wrong = { name: 'features.4.weight', expected: 'float[4, 4, 3, 3]', found: 'I8[4, 4, 3, 3]' }
    const quantized = new Map([...file, [wrong.name, blank('I8', [4, 4, 3, 3])]])
    expect(await mismatch(quantized, network)).toMatchObject({ missing: [], surplus: [], wrong: [wrong] })
    const behind = await mismatch(
      renamed(quantized, (name) => `net.${name.replace('classifier.0', 'fc.1')}`),
      network,
    )
    expect(behind.wrong).toEqual([{ ...wrong, name: 'net.features.4.weight' }])
  })
})

describe('one prefix', () => {
  test.each([
    'module.',
    'model.',
    '_orig_mod.',
    'backbone.',
    'net.module.',
    'state_dict.model._orig_mod.',
    'ema.',
    'loss.',
    'optimizer.net.',
  ])('%s is stripped, and named in what is missing', async (prefix) => {
    const file = await canonical(network)
    const behind = renamed(file, (name) => prefix + name)
    expect(await imported(behind, network)).toEqual(valuesOf(file))
    behind.delete(`${prefix}features.5.running_var`)
    expect(await mismatch(behind, network)).toMatchObject({
      missing: [`${prefix}features.5.running_var`],
      surplus: [],
    })
  })

  test('is stripped of timm names as well', async () => {
    const file = await canonical(plain)
    const timm = {
      'classifier.0': 'm.pre_logits.fc1',
      'classifier.2': 'm.pre_logits.fc2',
      'classifier.4': 'm.head.fc',
    }
    const named = numbered(
      renamed(file, (name) => name.replace(/^features/, 'm.features')),
      timm,
    )
    for (const fc of ['fc1', 'fc2']) {
      const weight = named.get(`m.pre_logits.${fc}.weight`)!
      weight.shape = fc === 'fc1' ? [5, 4, 8, 8] : [...weight.shape, 1, 1]
    }
    // Their matrix is a convolution only over an average pool of a size of its own.
    const size8 = custom('4,4,M', { ...pooled(8, [5, 5]), dropout: 0 })
    expect(await imported(named, size8)).toEqual(valuesOf(file))
  })

  test('that two networks of one file have is refused', async () => {
    const file = await canonical(network)
    const two = new Map([
      ...renamed(file, (it) => `student.${it}`),
      ...renamed(file, (it) => `teacher.${it}`),
    ])
    expect((await mismatch(two, network)).surplus).toContain('teacher.features.0.weight')
  })
})

describe('layers of another number are matched in their order', () => {
  const dense = (...names: string[]) =>
    Object.fromEntries(names.map((name, i) => [`classifier.${2 * i}`, name]))
  test.each<[string, Architecture, Record<string, string>]>([
    ['Dropout first', plain, dense('classifier.1', 'classifier.4', 'classifier.6')],
    ['ten and more', plain, dense('classifier.2', 'classifier.10', 'classifier.12')],
    ['fc1, fc2, fc3', plain, dense('fc1', 'fc2', 'fc3')],
    [
      'names of which the shapes tell the order',
      custom('4,M', flat([6, 7])),
      dense('hidden.1', 'hidden.2', 'head.fc'),
    ],
    ['one classifier', custom('4,M', flat()), dense('classifier')],
    ['one Sequential', custom('4,M', flat()), { 'features.0': 'net.0', 'classifier.0': 'net.4' }],
    [
      'a layer before the first',
      network,
      {
        'features.0': 'features.1',
        'features.1': 'features.2',
        'features.4': 'features.5',
        'features.5': 'features.6',
      },
    ],
    [
      'blocks',
      network,
      { 'features.0': 'b.0.conv', 'features.1': 'b.0.bn', 'features.4': 'b.1.conv', 'features.5': 'b.1.bn' },
    ],
    [
      'conv1 and bn1',
      network,
      { 'features.0': 'conv1', 'features.1': 'bn1', 'features.4': 'conv2', 'features.5': 'bn2' },
    ],
    [
      'blocks that end in pools',
      custom('4,4,M,4', flat()),
      { 'features.0': 'conv1_1', 'features.2': 'conv1_2', 'features.5': 'conv2_1' },
    ],
    [
      'stages that end in pools',
      custom('4,4,M,4', flat()),
      { 'features.0': 's.0.0', 'features.2': 's.0.2', 'features.5': 's.1.0' },
    ],
    ['a list of convolutions', plain, { 'features.0': 'convs.0', 'features.2': 'convs.1' }],
    [
      'a dropout after each ReLU',
      custom('4,4,M,4,4,M', flat()),
      { 'features.2': 'features.3', 'features.5': 'features.7', 'features.7': 'features.10' },
    ],
    [
      'a dropout after each pool',
      custom('4,4,M,4,4,M', flat()),
      { 'features.5': 'features.6', 'features.7': 'features.8' },
    ],
    [
      'all of it under a prefix',
      plain,
      { ...dense('x.c.1', 'x.c.4', 'x.c.6'), 'features.0': 'x.f.0', 'features.2': 'x.f.2' },
    ],
  ])('%s', async (_what, architecture, numbers) => {
    const file = await canonical(architecture)
    expect(await imported(numbered(file, numbers), architecture)).toEqual(valuesOf(file))
  })

  test("as in Keras' own numbering, with Keras' shapes", async () => {
    const architecture = custom('4,4,M', flat())
    const file = await canonical(architecture)
    const keras = numbered(new Map([...file].filter(([, { shape }]) => shape.length === 1)), {
      'features.0': 'conv2d_13',
      'features.2': 'conv2d_14',
      'classifier.0': 'dense_3',
    })
    const turned = (name: string, [out, ...rest]: readonly number[]) => {
      const { bytes, shape } = file.get(name)!
      const values = new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4)
      const [inputs, cells] = rest as [number, number]
      return float(
        Array.from({ length: values.length }, (_, at) => {
          const [row, o] = [Math.floor(at / out!), at % out!]
          const [cell, i] = [Math.floor(row / inputs), row % inputs]
          return values[(o * inputs + i) * cells + cell]!
        }),
        [...(shape.length === 4 ? [3, 3, inputs] : [inputs * cells]), out!],
      )
    }
    keras.set('conv2d_13.kernel', turned('features.0.weight', [4, 3, 9]))
    keras.set('conv2d_14.kernel', turned('features.2.weight', [4, 4, 9]))
    keras.set('dense_3.kernel', turned('classifier.0.weight', [5, 4, 64]))
    expect(await imported(keras, architecture)).toEqual(valuesOf(file))
  })

  test.each<[string, Architecture, Record<string, string>]>([
    // The pool is between the convolutions there: conv, ReLU, pool, conv.
    ['of a network with its pool elsewhere', plain, { 'features.2': 'features.3' }],
    [
      'of a network with its pools elsewhere',
      custom('4,4,M,4,M', flat()),
      { 'features.2': 'features.3', 'features.5': 'features.5' },
    ],
    [
      'of a network with ReLU before batch norm',
      network,
      { 'features.1': 'features.2', 'features.5': 'features.6' },
    ],
    [
      'whose names do not tell the order',
      plain,
      { 'classifier.2': 'classifier.inner', 'classifier.4': 'head.fc' },
    ],
    [
      'whose shapes contradict their numbers',
      plain,
      { 'classifier.0': 'classifier.4', 'classifier.4': 'classifier.0' },
    ],
  ])('but not %s', async (_what, architecture, numbers) => {
    // Five classes and five hidden units: two layers of one shape.
    const file = await canonical(architecture)
    await mismatch(numbered(file, numbers), architecture)
  })
})

describe('what a network was built without', () => {
  const without = (file: File, ...names: string[]) =>
    renamed(file, (name) => (names.includes(name) ? null : name))
  const replaced = (file: File, name: string, value: number) => ({
    [name]: Array.from({ length: file.get(name)!.shape[0]! }, () => value),
  })

  test('is 0 for the bias of a convolution before batch norm, and 1 and 0 for the scale and shift of one', async () => {
    const file = await canonical(network)
    const names = [0, 4].map((at) => `features.${at}.bias`)
    names.push(...[1, 5].flatMap((at) => [`features.${at}.weight`, `features.${at}.bias`]))
    const expected = names.reduce(
      (all, name) => Object.assign(all, replaced(file, name, /[15]\.weight/.test(name) ? 1 : 0)),
      valuesOf(file),
    )
    expect(await imported(without(file, ...names), network)).toEqual(expected)
    // Under other names as well.
    const blocks = {
      'features.0': 'b.0.conv',
      'features.1': 'b.0.bn',
      'features.4': 'b.1.conv',
      'features.5': 'b.1.bn',
    }
    expect(await imported(numbered(without(file, ...names), blocks), network)).toEqual(expected)
  })

  test.each([
    'features.1.running_mean',
    'features.5.running_var',
    'features.4.weight',
    'classifier.0.bias',
    'classifier.3.weight',
  ])('is missed where it decides: %s', async (name) => {
    const file = await canonical(network)
    expect(await mismatch(without(file, name), network)).toMatchObject({
      missing: [name],
      surplus: [],
      wrong: [],
    })
  })

  test.each(['features.4.bias', 'features.1.weight', 'features.5.bias'])(
    'is missed where others of its kind are there: %s',
    async (name) => {
      const file = without(await canonical(network), name)
      expect((await mismatch(file, network)).missing).toEqual([name])
    },
  )

  test('is 0 for the shift of a batch norm that has its scale', async () => {
    const file = await canonical(network)
    const names = ['features.1.bias', 'features.5.bias']
    const expected = names.reduce((all, name) => Object.assign(all, replaced(file, name, 0)), valuesOf(file))
    expect(await imported(without(file, ...names), network)).toEqual(expected)
  })

  test('is missed by its name in the file', async () => {
    const file = numbered(without(await canonical(plain), 'classifier.2.bias'), {
      'classifier.0': 'classifier.1',
      'classifier.2': 'classifier.4',
      'classifier.4': 'classifier.6',
    })
    expect(await mismatch(file, plain)).toMatchObject({
      missing: ['classifier.4.bias'],
      surplus: [],
      wrong: [],
    })
  })

  test('is missed of a convolution that no batch norm follows', async () => {
    const file = await canonical(plain)
    expect((await mismatch(without(file, 'features.2.bias'), plain)).missing).toEqual(['features.2.bias'])
  })
})

describe('F64', () => {
  const doubles = (file: File): File =>
    new Map(
      [...file].map(([name, { shape, bytes }]) => {
        const values = Float64Array.from(new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4))
        return [name, { dtype: 'F64', shape, bytes: Buffer.from(values.buffer) }]
      }),
    )

  test('is read, and rounded to the nearest F32', async () => {
    const file = doubles(await canonical(plain))
    new Float64Array(file.get('features.0.bias')!.bytes.buffer)[0] = 0.1
    expect((await imported(file, plain))['features.0.bias']![0]).toBe(Math.fround(0.1))
  })

  test('of a value that F32 does not reach is refused by its name', async () => {
    const file = doubles(await canonical(plain))
    new Float64Array(file.get('features.2.bias')!.bytes.buffer)[1] = 1e300
    await expect(imported(file, plain)).rejects.toThrow(/"features\.2\.bias": value 1 is 1e\+300/)
  })
})

test('the outputs of a network are known whatever its layers are called', async () => {
  const outline = async (file: File, architecture: Architecture) => {
    const { header, close } = await openSafetensors(save(file))
    await close()
    return outlineOfFile(header.entries, architecture)
  }
  const file = await canonical(plain)
  const ten = { ...plain, classes: 10 }
  expect(await outline(file, ten)).toEqual({ kind: 'torchvision', outputs: 5 })
  expect(
    await outline(
      renamed(file, (name) => `module.${name}`),
      ten,
    ),
  ).toEqual({ kind: 'torchvision', outputs: 5 })
  const first = numbered(file, { 'classifier.0': 'c.1', 'classifier.2': 'c.4', 'classifier.4': 'c.6' })
  expect(await outline(first, ten)).toEqual({ kind: 'ordered', outputs: 5 })
  expect(await outline(new Map(), ten)).toEqual({ kind: 'ordered', outputs: null })
})
