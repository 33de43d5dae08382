import { describe, expect, it } from 'vitest'
import { findArchitecture } from '../../../src/zoo/catalog.ts'
import { parseFeatures } from '../../../src/zoo/features.ts'
import { fitArchitecture } from '../../../src/zoo/fit.ts'
import { type Freeze, frozenPart, type Head, layersAnew } from '../../../src/zoo/transfer.ts'

const vgg16 = findArchitecture('vgg16')!
const mini = findArchitecture('vgg_mini')!
const residual = { ...mini, features: parseFeatures('8,8,8,+2,M,16') }

describe('The frozen part of a network', () => {
  it.each([
    ['nothing', 'NONE', 0, []],
    // Pool, average pool and flattening have nothing to train.
    ['all features', 'FEATURES', 33, ['features.0', 'features.28']],
    [
      'a convolution with its ReLU, and not the next one',
      { upTo: 'features.0' },
      2,
      ['features.0', 'features.0'],
    ],
    ['a ReLU with the pool behind it', { upTo: 'features.3' }, 5, ['features.0', 'features.2']],
    [
      'a layer of the classifier, and not the dropout behind it',
      { upTo: 'classifier.0' },
      35,
      ['features.0', 'classifier.0'],
    ],
    ['all but the last layer', { upTo: 'classifier.5' }, 39, ['features.0', 'classifier.3']],
  ] as [string, Freeze, number, string[]][])('is %s', (_, freeze, layers, ends) => {
    const part = frozenPart(vgg16, freeze)
    if (typeof part === 'string') throw new Error(part)
    expect(part.layers).toBe(layers)
    expect([part.names.at(0), part.names.at(-1)].filter(Boolean)).toEqual(ends)
  })

  it.each([
    ['a layer that is not there', vgg16, 'features.31', /There is no layer "features.31" in vgg16/],
    ['the last layer', vgg16, 'classifier.6', /Freeze up to classifier.5 at most/],
    ['what comes behind it', vgg16, 'softmax', /Freeze up to classifier.5 at most/],
    [
      'a part of a residual connection',
      residual,
      'features.3',
      /Freeze up to one of features.0, .*features.9/,
    ],
  ] as const)('is not %s', (_, architecture, upTo, reason) => {
    expect(frozenPart(architecture, { upTo })).toMatch(reason)
  })
})

describe('The layers that are drawn anew', () => {
  const small = (size: number, classes: number) => fitArchitecture(mini, [size, size, 3], classes)
  it.each([
    ['none where all fits', small(32, 10), small(32, 10), 'KEEP', []],
    ['the last for other classes', small(32, 10), small(32, 2), 'NEW', ['classifier.2']],
    [
      'all of the classifier for pictures of another size',
      small(32, 10),
      small(64, 2),
      'NEW',
      ['classifier.0', 'classifier.2'],
    ],
    [
      'the last for pictures of another size where an average pool makes them alike',
      vgg16,
      fitArchitecture(vgg16, [64, 96, 3], 5),
      'NEW',
      ['classifier.6'],
    ],
    [
      'all of another classifier',
      { ...mini, head: vgg16.head },
      mini,
      'NEW',
      ['classifier.0', 'classifier.2'],
    ],
  ] as const)('are %s', (_, from, to, head, layers) => {
    expect(layersAnew(from, to, head)).toEqual(layers)
  })

  it.each([
    ['other features', vgg16, mini, 'NEW', /weights of vgg16, whose convolutional part is another/],
    ['batch norm', mini, { ...mini, batchNorm: !mini.batchNorm }, 'NEW', /convolutional part is another/],
    [
      'other classes and a head that is to be kept',
      small(32, 10),
      small(32, 2),
      'KEEP',
      /10 classes .* not for 2 .* classifier.2.weight/,
    ],
    [
      'another size and a head that is to be kept',
      small(32, 10),
      small(64, 10),
      'KEEP',
      /32x32, .* 64x64: classifier.0.weight/,
    ],
  ] as [string, typeof mini, typeof mini, Head, RegExp][])(
    'cannot be told for %s',
    (_, from, to, head, reason) => {
      expect(layersAnew(from, to, head)).toMatch(reason)
    },
  )
})
