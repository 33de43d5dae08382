import { describe, expect, it, test } from 'vitest'
import { ValidationError } from '../../../src/errors.ts'
import { analyze } from '../../../src/zoo/analysis.ts'
import { type ArchitectureInput, resolveArchitecture } from '../../../src/zoo/architecture-input.ts'
import { formatFeatures } from '../../../src/zoo/features.ts'

const MAX_PARAMETERS = 500_000_000
const INPUT: ArchitectureInput = {
  name: 'mine',
  features: '64,64:lrn,M,128,256x1,M',
  batchNorm: false,
  inputSize: [32, 32],
  classes: 10,
  head: { kind: 'flat', hidden: [], dropout: 0 },
}

const resolve = (change: Partial<ArchitectureInput> = {}, most = MAX_PARAMETERS) =>
  resolveArchitecture({ ...INPUT, ...change }, most)

/** Each issue as "path: message". */
function issues(change: Partial<ArchitectureInput>, most = MAX_PARAMETERS): string[] {
  try {
    resolve(change, most)
  } catch (error) {
    if (error instanceof ValidationError)
      return error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`)
    throw error
  }
  throw new Error('Nothing was thrown.')
}

describe('a network that a person describes', () => {
  it('becomes an architecture like those that are built in', () => {
    const head = { kind: 'pooled', size: 3, hidden: [20], dropout: 0.5 } as const
    const architecture = resolve({ title: ' Mine ', batchNorm: true, inputSize: [48, 40], classes: 7, head })
    expect(architecture).toMatchObject({
      name: 'mine',
      title: 'Mine',
      origin: 'CUSTOM',
      configuration: null,
      batchNorm: true,
      inputShape: [48, 40, 3],
      classes: 7,
      head,
    })
    expect(formatFeatures(architecture.features)).toBe(INPUT.features)
    expect(analyze(architecture).weightLayers).toBe(6)
  })

  it('is called by its name when it has no title', () => {
    expect(resolve().title).toBe('mine')
  })

  it('may have 64 entries, 8 hidden layers and exactly as many parameters as allowed', () => {
    const features = Array.from({ length: 64 }, () => '4').join(',')
    const head = { kind: 'flat', hidden: [4, 4, 4, 4, 4, 4, 4, 4], dropout: 0 } as const
    const architecture = resolve({ features, head })
    const { parameterCount, weightLayers } = analyze(architecture)
    expect(weightLayers).toBe(64 + 9)
    expect(resolve({ features, head }, parameterCount)).toEqual(architecture)
    expect(issues({ features, head }, parameterCount - 1)).toHaveLength(1)
  })
})

describe('what cannot work is refused, and the message says what and where', () => {
  test.each<[string, Partial<ArchitectureInput>, RegExp]>([
    [
      'an empty list',
      { features: '' },
      /^features: Feature list, entry 1 \(""\): nothing between the commas/,
    ],
    ['a word', { features: '64,oops' }, /^features: .*entry 2 \("oops"\): expected a width \(64\)/],
    ['a width of 0', { features: '64,M,0' }, /^features: .*entry 3 \("0"\): the width must be between 1 and/],
    ['a kernel of 5', { features: '64x5' }, /^features: .*entry 1 \("64x5"\): only x1 may follow/],
    ['another suffix', { features: '64:bn' }, /^features: .*entry 1 \("64:bn"\): only :lrn may follow/],
    ['only pools', { features: 'M,M' }, /^features: The feature list has no convolution/],
    [
      'a pool too many',
      { features: '8,M,M,M,M,M,M' },
      /^features: .*entry 7 \(M\): too many pools.* 1x1 is left/,
    ],
    [
      'a list of 65',
      { features: `8${',8'.repeat(64)}` },
      /^features: .*entry 65 \("8"\): one too many of 65/,
    ],
    [
      'an immense convolution',
      { features: '8,65535,65535,M' },
      /^features: .*38,65\d,\d+.* are in entry 3 \(65535\)/,
    ],
    [
      'an immense dense layer',
      { features: '512', head: { kind: 'flat', hidden: [4096], dropout: 0 } },
      /^head: .*2,147,487,744, are in the dense layer classifier\.0 \(4096 outputs\)/,
    ],
    ['a name that begins with a digit', { name: '1st' }, /^name: A name begins with a letter/],
    ['a name with a blank', { name: 'my net' }, /^name: A name begins with a letter/],
    ['a name of 65 letters', { name: 'a'.repeat(65) }, /^name: A name begins with a letter/],
    ['a name with a line end', { name: 'mine\n' }, /^name: A name begins with a letter/],
    ['a blank title', { title: ' ' }, /^title: A title has 1 to 200/],
    ['a title with NUL', { title: 'a\0b' }, /^title: A title has 1 to 200/],
    ['a title with half a character', { title: 'a\ud800b' }, /^title: A title has 1 to 200/],
    ['one edge', { inputSize: [32] }, /^inputSize: .*two numbers and not 1/],
    ['an edge of 0', { inputSize: [0, 32] }, /^inputSize: The input height is 0; .* from 1 to 1024/],
    ['an edge of 1025', { inputSize: [32, 1025] }, /^inputSize: The input width is 1025; .* from 1 to 1024/],
    ['no class', { classes: 0 }, /^classes: The number of classes is 0; .* from 1 to 65535/],
    [
      'nine hidden layers',
      { head: { kind: 'flat', hidden: new Array(9).fill(8), dropout: 0 } },
      /^head\.flat\.hidden: There are 9 hidden dense layers; at most 8/,
    ],
    [
      'a hidden layer of nothing',
      { head: { kind: 'flat', hidden: [8, 0], dropout: 0 } },
      /^head\.flat\.hidden: The width of hidden dense layer 2 is 0/,
    ],
    [
      'a pool of 65',
      { head: { kind: 'pooled', size: 65, hidden: [], dropout: 0 } },
      /^head\.pooled\.size: .* is 65; .* from 1 to 64/,
    ],
    [
      'a dropout of everything',
      { head: { kind: 'pooled', size: 1, hidden: [], dropout: 1 } },
      /^head\.pooled\.dropout: It is 1; it must be at least 0 and below 1/,
    ],
    [
      'a dropout that is no number',
      { head: { kind: 'flat', hidden: [], dropout: Number.NaN } },
      /^head\.flat\.dropout/,
    ],
  ])('%s', (_what, change, message) => {
    const found = issues(change)
    expect(found).toHaveLength(1)
    expect(found[0]).toMatch(message)
  })

  test('all of it at once, every wrong entry too', () => {
    const head = { kind: 'pooled', size: 0, hidden: [0], dropout: -1 } as const
    const found = issues({ name: '', features: 'x,8,M:lrn,0', inputSize: [0, 0], classes: -1, head })
    expect(found.map((it) => it.split(':')[0])).toEqual([
      'name',
      ...['features', 'features', 'features'],
      ...['inputSize', 'inputSize', 'classes'],
      ...['head.pooled.hidden', 'head.pooled.size', 'head.pooled.dropout'],
    ])
    expect(found.filter((it) => it.startsWith('features')).map((it) => /entry \d/.exec(it)?.[0])).toEqual([
      'entry 1',
      'entry 3',
      'entry 4',
    ])
  })

  test('at no cost, however large it is', () => {
    const started = process.cpuUsage()
    const hostile = [
      'z'.repeat(1_000_000),
      '1'.repeat(1_000_000),
      '8,'.repeat(1_000_000),
      ','.repeat(2048),
      new Array(64).fill('65535').join(','),
    ]
    for (const features of hostile) {
      const found = issues({ features, inputSize: [1024, 1024] })
      expect(found.join('').length).toBeLessThan(10_000)
    }
    // Of this process alone: others may be at work.
    expect(process.cpuUsage(started).user).toBeLessThan(1_000_000)
  })
})
