import { describe, expect, test } from 'vitest'
import {
  type PreprocessingInput,
  resolvePreprocessing,
  type WeightsFile,
} from '../../../src/models/import-preprocessing.ts'
import type { Preprocessing } from '../../../src/models/preprocessing.ts'
import { COVER, type Resize } from '../../../src/pictures/resize.ts'
import type { Architecture } from '../../../src/zoo/architecture.ts'
import { findArchitecture } from '../../../src/zoo/catalog.ts'

const vgg16 = findArchitecture('vgg16')!
const mini = findArchitecture('vgg_mini')!
const NORMALISED = { mean: [0.1, 0.2, 0.3], std: [0.4, 0.5, 0.6] }

type Arguments = [
  input: PreprocessingInput,
  inFile: Preprocessing | null,
  architecture: Architecture,
  format: WeightsFile['format'],
  outputs?: number | null,
]

const resolve = (...[input, inFile, architecture, format, outputs = null]: Arguments) =>
  resolvePreprocessing(input, { inFile, format, outputs }, architecture)

function resolved(...args: Arguments) {
  const result = resolve(...args)
  if ('issues' in result) throw new Error(JSON.stringify(result.issues))
  return result
}

function wrongFields(...args: Arguments): string[] {
  const result = resolve(...args)
  return 'issues' in result ? result.issues.map(({ path }) => path[1]!) : []
}

describe('ImageNet weights of which nothing is said', () => {
  test.each(['torchvision', 'timm'] as const)('are normalised and cropped as those of %s', (format) => {
    const { preprocessing, channels, architecture } = resolved({}, null, vgg16, format)
    expect(preprocessing).toMatchObject({
      size: [224, 224],
      resize: { rule: 'COVER', shorterSide: 256 },
      mean: [0.485, 0.456, 0.406],
      std: [0.229, 0.224, 0.225],
    })
    expect(preprocessing.labels).toHaveLength(1000)
    expect(preprocessing.labels[7]).toBe('class 7')
    expect(channels).toBe('RGB')
    expect(architecture).toEqual(vgg16)
  })

  test('of Keras take BGR from 0 to 255, less the mean of each channel', () => {
    const { preprocessing, channels } = resolved({}, null, vgg16, 'keras')
    expect(channels).toBe('BGR')
    const { mean, std } = preprocessing
    // A pixel of R, G, B as the network gets it.
    const seen = [200, 100, 50].map((byte, i) => (byte / 255 - mean[i]!) / std[i]!)
    for (const [i, value] of [200 - 123.68, 100 - 116.779, 50 - 103.939].entries()) {
      expect(seen[i]).toBeCloseTo(value, 9)
    }
  })

  test('in a LayersModel, whose makers do not agree, are asked for', () => {
    expect(wrongFields({}, null, vgg16, 'layersModel')).toEqual(['mean', 'std'])
  })
})

test('weights of another size or number of classes are asked for', () => {
  expect(wrongFields({}, null, mini, 'torchvision')).toEqual(['mean', 'std'])
  expect(wrongFields({ labels: ['cat', 'dog'] }, null, vgg16, 'torchvision')).toEqual(['mean', 'std'])
  expect(wrongFields({ size: [200, 224] }, null, vgg16, 'keras')).toEqual(['mean', 'std'])
})

test('what is asked for comes before what the file says, and that before what is taken for granted', () => {
  const inFile: Preprocessing = {
    size: [224, 224],
    resize: COVER,
    mean: [0.5, 0.5, 0.5],
    std: [0.5, 0.5, 0.5],
    labels: Array.from({ length: 1000 }, (_, i) => `thing ${i}`),
  }
  expect(resolved({}, inFile, vgg16, 'keras')).toMatchObject({ preprocessing: inFile, channels: 'RGB' })
  const asked = resolved({ ...NORMALISED, channels: 'BGR', resize: 'STRETCH' }, inFile, vgg16, 'keras')
  expect(asked.channels).toBe('BGR')
  expect(asked.preprocessing).toMatchObject({ ...NORMALISED, resize: { rule: 'STRETCH', shorterSide: null } })
})

test('a picture that is to be contained has a colour around it, black where none is said', () => {
  const resizeOf = (input: object, file: Preprocessing | null = null) =>
    resolved({ ...NORMALISED, ...input }, file, mini, 'torchvision').preprocessing.resize
  const contain = { rule: 'CONTAIN', shorterSide: null }
  expect(resizeOf({ resize: 'CONTAIN' })).toEqual({ ...contain, background: '#000000' })
  const grey = { ...contain, background: '#808080' } as const
  expect(resizeOf({ resize: 'CONTAIN', background: '#808080' })).toEqual(grey)
  const labels = Array.from({ length: 10 }, (_, i) => `thing ${i}`)
  const half: Preprocessing['mean'] = [0.5, 0.5, 0.5]
  const inFile: Preprocessing = { size: [32, 32], mean: half, std: half, labels, resize: grey as Resize }
  expect(resizeOf({}, inFile)).toEqual(grey)
})

test('labels and size decide the network', () => {
  const { architecture } = resolved(
    { ...NORMALISED, labels: ['a', 'b'], size: [64, 96] },
    null,
    vgg16,
    'timm',
  )
  expect(architecture).toMatchObject({ name: 'vgg16', inputShape: [64, 96, 3], classes: 2 })
})

describe('a value that cannot work is named', () => {
  test.each([
    ['size', { size: [32] }],
    ['size', { size: [32, 2000] }],
    // Three pools leave nothing of 4 pixels.
    ['size', { size: [4, 32] }],
    ['labels', { labels: [] }],
    ['labels', { labels: ['a', ' '] }],
    ['labels', { labels: Array.from({ length: 2000 }, () => 'x'.repeat(200)) }],
    ['mean', { mean: [1, 2] }],
    ['mean', { mean: [Number.NaN, 0, 0] }],
    ['std', { std: [1, 1, 0] }],
    // The numbers of ImageNet for pixels in 0..255.
    ['mean', { mean: [123.68, 116.78, 103.94] }],
    ['std', { std: [58.395, 57.12, 57.375] }],
    ['mean', { mean: [0.5, 0.5, 1.5] }],
    ['shorterSide', { shorterSide: 31 }],
    ['shorterSide', { shorterSide: 40, resize: 'STRETCH' as const }],
    ['shorterSide', { shorterSide: 40, resize: 'CONTAIN' as const }],
    ['background', { background: '#ffffff', resize: 'STRETCH' as const }],
    ['background', { background: 'white', resize: 'CONTAIN' as const }],
  ])('%s', (field, input) => {
    expect(wrongFields({ ...NORMALISED, ...input }, null, mini, 'torchvision')).toEqual([field])
  })
})

describe('labels are as many as the outputs of the weights', () => {
  const issuesOf = (input: PreprocessingInput, outputs: number) => {
    const result = resolve({ ...NORMALISED, ...input }, null, mini, 'torchvision', outputs)
    return 'issues' in result ? result.issues : []
  }

  test('and that is said in these terms', () => {
    expect(issuesOf({ labels: [...'abcdefghi'] }, 10)).toEqual([
      { path: ['preprocessing', 'labels'], message: '9 labels for 10 outputs.' },
    ])
    expect(issuesOf({}, 1)).toEqual([
      {
        path: ['preprocessing', 'labels'],
        message: 'The weights have 1 output, and vgg_mini has 10: give 1 label.',
      },
    ])
    expect(issuesOf({ labels: [...'abcdefghij'] }, 10)).toEqual([])
    expect(issuesOf({ labels: ['cat', 'dog'] }, 2)).toEqual([])
  })

  test('once, where a label is wrong too', () => {
    expect(issuesOf({ labels: ['', 'b'] }, 10)).toHaveLength(1)
  })
})

test('a name may stand for two classes, as in ImageNet', () => {
  expect(wrongFields({ ...NORMALISED, labels: ['crane', 'crane'] }, null, mini, 'torchvision')).toEqual([])
})

test('a mean of 1 and a std of 1 are those of pixels in 0..1', () => {
  expect(wrongFields({ mean: [0, 1, 0], std: [1, 1, 1] }, null, mini, 'torchvision')).toEqual([])
})

test('weights with names of their own are not taken for those of ImageNet', () => {
  expect(wrongFields({}, null, vgg16, 'ordered')).toEqual(['mean', 'std'])
})
