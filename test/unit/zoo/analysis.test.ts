import { describe, expect, it } from 'vitest'
import { analyze } from '../../../src/zoo/analysis.ts'
import { type Architecture, ArchitectureError } from '../../../src/zoo/architecture.ts'
import { architectures, findArchitecture } from '../../../src/zoo/catalog.ts'
import { parseFeatures } from '../../../src/zoo/features.ts'
import type { KindName } from '../../../src/zoo/layers/kinds.ts'

const mini = findArchitecture('vgg_mini')!

describe('the parameter count', () => {
  // The ImageNet heads are torchvision's published counts. The CIFAR ones follow from them: the features of
  // VGG-16 with batch norm have 14,723,136 parameters, and a dense layer 512 -> 10 has 5,130.
  it.each([
    ['vgg11', 132_863_336],
    ['vgg11_lrn', 132_863_336],
    ['vgg13', 133_047_848],
    ['vgg16_c', 133_638_952],
    ['vgg16', 138_357_544],
    ['vgg19', 143_667_240],
    ['vgg11_bn', 132_868_840],
    ['vgg13_bn', 133_053_736],
    ['vgg16_bn', 138_365_992],
    ['vgg19_bn', 143_678_248],
    ['lecture_vgg16', 58_190_506],
    ['lecture_custom', 35_523_594],
    ['vgg11_cifar', 9_231_114],
    ['vgg13_cifar', 9_416_010],
    ['vgg16_cifar', 14_728_266],
    ['vgg19_cifar', 20_040_522],
    ['vgg_mini', 551_466],
  ])('of %s is %i', (name, count) => {
    expect(analyze(findArchitecture(name)!).parameterCount).toBe(count)
  })

  it('is the sum over the layers for every network of the zoo', () => {
    expect(architectures).toHaveLength(17)
    for (const architecture of architectures) {
      const { layers, parameterCount, multiplyAdds } = analyze(architecture)
      expect(layers.reduce((sum, layer) => sum + layer.parameterCount, 0)).toBe(parameterCount)
      expect(layers.reduce((sum, layer) => sum + layer.multiplyAdds, 0)).toBe(multiplyAdds)
      expect(layers.map(({ index }) => index)).toEqual(layers.map((_, index) => index))
    }
  })
})

describe('the multiply-adds', () => {
  // torchvision publishes them as "GFLOPS" with three decimals.
  it.each([
    ['vgg11', 7.609],
    ['vgg13_bn', 11.308],
    ['vgg16', 15.47],
    ['vgg19', 19.632],
  ])('of %s are %f thousand million', (name, expected) => {
    expect(analyze(findArchitecture(name)!).multiplyAdds / 1e9).toBeCloseTo(expected, 3)
  })
})

describe('the weight layers', () => {
  it.each([
    ['vgg11', 11],
    ['vgg11_lrn', 11],
    ['vgg13_bn', 13],
    ['vgg16_c', 16],
    ['vgg16', 16],
    ['vgg19', 19],
    ['lecture_vgg16', 16],
  ])('of %s are the number in its name: %i', (name, count) => {
    expect(analyze(findArchitecture(name)!).weightLayers).toBe(count)
  })
})

describe('the receptive field', () => {
  const fields = (features: string, kind: KindName) =>
    analyze({ ...mini, features: parseFeatures(features) })
      .layers.filter((layer) => layer.kind === kind && layer.name.startsWith('features.'))
      .map((layer) => layer.receptiveField)

  it('of two 3x3 convolutions is 5 pixels and of three is 7', () => {
    expect(fields('64,64,64', 'CONV')).toEqual([3, 5, 7])
  })

  it('does not grow by a 1x1 convolution, a ReLU or batch norm', () => {
    expect(fields('64,64x1,64', 'CONV')).toEqual([3, 3, 5])
    expect(fields('64,64x1,64', 'RELU')).toEqual([3, 3, 5])
    expect(fields('64,64x1,64', 'BATCH_NORM')).toEqual([3, 3, 5])
  })

  it('grows twice as fast after a pool', () => {
    expect(fields('64,M,64', 'MAX_POOL')).toEqual([4])
    expect(fields('64,M,64', 'CONV')).toEqual([3, 8])
  })

  it('of the last pool of VGG-16 is 212 pixels, kept by the average pool that changes nothing, and ends there', () => {
    const { layers } = analyze(findArchitecture('vgg16')!)
    const by = Object.fromEntries(layers.map(({ name, receptiveField }) => [name, receptiveField]))
    expect(by).toMatchObject({ 'features.30': 212, avgpool: 212, flatten: null, 'classifier.0': null })
    const small = analyze({ ...findArchitecture('vgg16')!, inputShape: [64, 64, 3] })
    expect(small.layers.find(({ kind }) => kind === 'ADAPTIVE_AVG_POOL')?.receptiveField).toBeNull()
  })
})

describe('the layers', () => {
  it('carry the module names of torchvision', () => {
    const names = (name: string, kinds: KindName[]) =>
      analyze(findArchitecture(name)!)
        .layers.filter(({ kind }) => kinds.includes(kind))
        .map((layer) => layer.name)
    expect(names('vgg16', ['CONV', 'DENSE'])).toEqual([
      ...[0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28].map((index) => `features.${index}`),
      ...['classifier.0', 'classifier.3', 'classifier.6'],
    ])
    expect(names('vgg11_bn', ['CONV'])).toEqual([0, 4, 8, 11, 15, 18, 22, 25].map((i) => `features.${i}`))
    expect(names('vgg11_bn', ['BATCH_NORM'])).toEqual(
      [1, 5, 9, 12, 16, 19, 23, 26].map((i) => `features.${i}`),
    )
  })

  it('come in the order convolution, batch norm, ReLU, LRN, and end in dense layers and a soft-max', () => {
    const { layers } = analyze({
      ...mini,
      features: parseFeatures('8:lrn,M,16x1'),
      head: { kind: 'pooled', size: 7, hidden: [20], dropout: 0.5 },
    })
    expect(layers.map(({ name, kind, outputShape }) => [name, kind, outputShape])).toEqual([
      ['features.0', 'CONV', [32, 32, 8]],
      ['features.1', 'BATCH_NORM', [32, 32, 8]],
      ['features.2', 'RELU', [32, 32, 8]],
      ['features.3', 'LRN', [32, 32, 8]],
      ['features.4', 'MAX_POOL', [16, 16, 8]],
      ['features.5', 'CONV', [16, 16, 16]],
      ['features.6', 'BATCH_NORM', [16, 16, 16]],
      ['features.7', 'RELU', [16, 16, 16]],
      ['avgpool', 'ADAPTIVE_AVG_POOL', [7, 7, 16]],
      ['flatten', 'FLATTEN', [784]],
      ['classifier.0', 'DENSE', [20]],
      ['classifier.1', 'RELU', [20]],
      ['classifier.2', 'DROPOUT', [20]],
      ['classifier.3', 'DENSE', [10]],
      ['softmax', 'SOFTMAX', [10]],
    ])
    expect(layers[5]).toMatchObject({
      kernelSize: [1, 1],
      strides: [1, 1],
      units: 16,
      parameterCount: 8 * 16 + 16,
    })
  })

  it('halve an odd size downwards, as PyTorch does', () => {
    const { layers } = analyze({ ...mini, features: parseFeatures('8,M,M'), inputShape: [37, 33, 3] })
    expect(layers.filter(({ kind }) => kind === 'MAX_POOL').map((layer) => layer.outputShape)).toEqual([
      [18, 16, 8],
      [9, 8, 8],
    ])
  })
})

describe('a network that cannot exist', () => {
  it('has more pools than its input allows: the error names the first pool too many', () => {
    const error = refusal({ features: parseFeatures('8,M,M,M,M,M,16,M,M') })
    expect(error.entry).toBe(7)
    expect(error.message).toMatch(/entry 8 \(M\): too many pools for an input of 32x32.*1x1 is left/)
  })

  it.each<[string, Partial<Architecture>, RegExp]>([
    ['no convolution', { features: parseFeatures('M') }, /no convolution/],
    ['no features', { features: [] }, /no convolution/],
    [
      'a width of 0',
      { features: [{ kind: 'conv', width: 0, kernel: 3, lrn: false }] },
      /entry 1 \(0\): the width/,
    ],
    ['half a class', { classes: 0.5 }, /classes is 0\.5/],
    ['no channels', { inputShape: [32, 32, 0] }, /input channels is 0/],
    ['an empty hidden layer', { head: { kind: 'flat', hidden: [0], dropout: 0 } }, /hidden dense layer is 0/],
    ['a dropout of everything', { head: { kind: 'flat', hidden: [8], dropout: 1 } }, /dropout rate is 1/],
  ])('has %s', (_what, change, message) => {
    expect(refusal(change).message).toMatch(message)
  })

  function refusal(change: Partial<Architecture>): ArchitectureError {
    try {
      analyze({ ...mini, ...change })
    } catch (error) {
      if (error instanceof ArchitectureError) return error
      throw error
    }
    throw new Error('Nothing was thrown.')
  }
})
