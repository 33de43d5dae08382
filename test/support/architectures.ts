import type { Architecture, Head } from '../../src/zoo/architecture.ts'
import type { ArchitectureInput } from '../../src/zoo/architecture-input.ts'
import { parseFeatures } from '../../src/zoo/features.ts'

/** Numbers in [0, 1). */
type Source = () => number

const pick = <Item>(random: Source, items: readonly Item[]): Item =>
  items[Math.floor(random() * items.length)]
const upTo = (random: Source, most: number): number => 1 + Math.floor(random() * most)

/** A network that works: narrow enough to be built many times over. */
export function randomInput(random: Source): ArchitectureInput {
  const inputSize = [upTo(random, 40), upTo(random, 40)]
  let smallest = Math.min(...inputSize)
  const entries = Array.from({ length: upTo(random, 12) }, () => {
    if (smallest >= 2 && random() < 0.3) {
      smallest = Math.floor(smallest / 2)
      return pick(random, ['M', 'm', ' M '])
    }
    return `${upTo(random, 24)}${pick(random, ['', '', 'x1', 'X1'])}${pick(random, ['', '', '', ':lrn'])}`
  })
  entries.splice(Math.floor(random() * (entries.length + 1)), 0, `${upTo(random, 24)}`)
  const hidden = Array.from({ length: Math.floor(random() * 3) }, () => upTo(random, 30))
  const dropout = pick(random, [0, 0.25, 0.5])
  return {
    name: `n${upTo(random, 1e6)}`,
    features: entries.join(pick(random, [',', ', '])),
    batchNorm: random() < 0.5,
    inputSize,
    classes: upTo(random, 20),
    head:
      random() < 0.5
        ? { kind: 'flat', hidden, dropout }
        : { kind: 'pooled', size: upTo(random, 7), hidden, dropout },
  }
}

const NUMBERS = [0, -1, 65_536, 2 ** 31 - 1, 1e9]
const ENTRIES = [
  '',
  '0',
  '-3',
  '1e3',
  'x1',
  '8x3',
  '8:lrn:lrn',
  'M1',
  'MM',
  '65536',
  '\0',
  '😀',
  '9'.repeat(400),
  'null',
]

/** The same network with one to three things wrong. */
export function spoil(random: Source, input: ArchitectureInput): ArchitectureInput {
  const spoiled = { ...input }
  const spoilers: (() => void)[] = [
    () => {
      const entries = spoiled.features.split(',')
      entries[Math.floor(random() * entries.length)] = pick(random, ENTRIES)
      spoiled.features = entries.join(',')
    },
    () => {
      spoiled.features += `${',M'.repeat(upTo(random, 80))},M,M,M,M,M,M`
    },
    () => {
      spoiled.features = pick(random, [
        '',
        ',',
        'M',
        '8,'.repeat(200_000),
        'z'.repeat(500_000),
        '65535,65535',
      ])
    },
    () => {
      spoiled.inputSize = pick(random, [[], [32], [32, 32, 3], [pick(random, NUMBERS), 32], [32, 1.5]])
    },
    () => {
      spoiled.classes = pick(random, NUMBERS)
    },
    () => {
      spoiled.name = pick(random, ['', '1', 'a b', 'ä', '../x', 'a'.repeat(100_000), 'a\0'])
    },
    () => {
      spoiled.head = {
        ...spoiled.head,
        hidden: pick(random, [[0], [8, -8], new Array(100_000).fill(8), [1e9]]),
      }
    },
    () => {
      spoiled.head = {
        ...spoiled.head,
        dropout: pick(random, [1, -0.1, Number.NaN, Number.POSITIVE_INFINITY]),
      }
    },
  ]
  for (let count = upTo(random, 3); count > 0; count--) pick(random, spoilers)()
  return spoiled
}

/** A network of these layers: of small pictures and few classes, unless said otherwise. */
export function custom(features: string, head: Head, options: Partial<Architecture> = {}): Architecture {
  return {
    name: 'custom',
    title: 'Custom',
    origin: 'CUSTOM',
    configuration: null,
    features: parseFeatures(features),
    batchNorm: false,
    inputShape: [16, 16, 3],
    classes: 5,
    head,
    ...options,
  }
}

export const flat = (hidden: number[] = [], dropout = 0): Head => ({ kind: 'flat', hidden, dropout })
export const pooled = (size: number, hidden = [12, 8]): Head => ({
  kind: 'pooled',
  size,
  hidden,
  dropout: 0.5,
})
