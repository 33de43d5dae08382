import { describe, expect, it } from 'vitest'
import { ArchitectureError } from '../../../src/zoo/architecture.ts'
import { architectures } from '../../../src/zoo/catalog.ts'
import { formatFeatures, parseFeatures } from '../../../src/zoo/features.ts'
import { MAX_WIDTH } from '../../../src/zoo/layers/kind.ts'

describe('the list notation', () => {
  it('has convolutions, 1x1 convolutions, local response normalisation and max-pools', () => {
    expect(parseFeatures('64,M,128:lrn,256x1,32x1:lrn')).toEqual([
      { kind: 'conv', width: 64, kernel: 3, lrn: false },
      { kind: 'pool' },
      { kind: 'conv', width: 128, kernel: 3, lrn: true },
      { kind: 'conv', width: 256, kernel: 1, lrn: false },
      { kind: 'conv', width: 32, kernel: 1, lrn: true },
    ])
  })

  it('does not mind white space and the case of letters, and is written without either', () => {
    expect(formatFeatures(parseFeatures(' 64 , m,\n128X1:LRN'))).toBe('64,M,128x1:lrn')
  })

  it.each(architectures.map(({ name, features }) => [name, features] as const))(
    'writes the list of %s so that reading gives the same list',
    (_name, features) => {
      expect(parseFeatures(formatFeatures(features))).toEqual(features)
    },
  )

  it.each([
    ['', 0, '""'],
    ['64,,M', 1, '""'],
    ['64,M,', 2, '""'],
    ['64,0', 1, '"0"'],
    [`64,M,${MAX_WIDTH + 1}`, 2, `"${MAX_WIDTH + 1}"`],
    ['-64', 0, '"-64"'],
    ['6.4', 0, '"6.4"'],
    ['1e3', 0, '"1e3"'],
    ['64,64x5', 1, '"64x5"'],
    ['64x', 0, '"64x"'],
    ['64,M,64:bn', 2, '"64:bn"'],
    ['M:lrn', 0, '"M:lrn"'],
    ['64;128', 0, '"64;128"'],
    ['64,P', 1, '"P"'],
  ])('refuses %j and names the entry', (text, index, quoted) => {
    const error = captured(() => parseFeatures(text))
    expect(error.entry).toBe(index)
    expect(error.message).toContain(`entry ${index + 1} (${quoted})`)
  })

  it('keeps its message short whatever the entry is', () => {
    expect(captured(() => parseFeatures('z'.repeat(1_000_000))).message.length).toBeLessThan(300)
  })
})

function captured(action: () => unknown): ArchitectureError {
  try {
    action()
  } catch (error) {
    if (error instanceof ArchitectureError) return error
    throw error
  }
  throw new Error('Nothing was thrown.')
}
