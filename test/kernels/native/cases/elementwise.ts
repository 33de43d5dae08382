import type { NamedAttrMap } from '@tensorflow/tfjs'
import { seededRandom } from '../../../support/random.ts'
import { given, type Values, values } from '../support.ts'
import { type Case, type Cases, TOLERANCE } from './case.ts'

/** Every pair of these is computed: no kernel may lose what is not a number. 0 and -0 count as the same. */
const SPECIAL = [
  Number.NaN,
  Number.POSITIVE_INFINITY,
  Number.NEGATIVE_INFINITY,
  0,
  -0,
  1,
  -1,
  6,
  -2.5,
  1e30,
  // No more, or a quotient would be below the normal format, where a kernel counts it as zero.
  1e37,
  -1e37,
]
const LEFT = SPECIAL.flatMap((one) => SPECIAL.map(() => one))
const RIGHT = SPECIAL.flatMap(() => SPECIAL)

/** One value, less than a vector, more than a thread takes at a time. */
const SHAPES = [[], [1], [7], [16], [3, 5, 2], [2, 3, 4, 5], [16385]]

function unary(attrsOf: NamedAttrMap[], tolerance = 0): Case[] {
  const inputs: [string, Values][] = [
    ...SHAPES.map((shape, seed): [string, Values] => [
      `[${shape}]`,
      values(shape, seed, { from: -8, to: 8 }),
    ]),
    ['special values', given([SPECIAL.length], SPECIAL)],
  ]
  return attrsOf.flatMap((attrs) =>
    inputs.map(([name, x]) => ({
      name: `of ${name} ${JSON.stringify(attrs)}`,
      inputs: { x },
      attrs,
      tolerance,
      native: true,
    })),
  )
}

/** What the kernel in C++ takes: factors that lie in the result as a whole, as its last or first dimensions, or once. */
const TAKEN: [a: number[], b: number[]][] = [
  [[], []],
  [[4, 5], []],
  [[], [4, 5]],
  [[1, 1], [3]],
  [
    [4, 5],
    [4, 5],
  ],
  [[4, 5], [5]],
  [[5], [4, 5]],
  [
    [4, 5],
    [4, 1],
  ],
  [
    [4, 1],
    [4, 5],
  ],
  [
    [4, 1],
    [1, 5],
  ],
  [
    [1, 5],
    [4, 1],
  ],
  [[5, 1], [5]],
  [
    [2, 3, 4],
    [3, 4],
  ],
  [
    [2, 3, 4],
    [1, 3, 4],
  ],
  [
    [2, 3, 4],
    [2, 1, 1],
  ],
  [
    [2, 3, 1],
    [2, 3, 4],
  ],
  [
    [1, 3, 4],
    [2, 1, 1],
  ],
  [[3, 17000], [17000]],
  [
    [3, 17000],
    [3, 1],
  ],
  [[9000, 3], [3]],
  [
    [300, 70],
    [300, 1],
  ],
]

const LEFT_TO_CPU: typeof TAKEN = [
  [
    [2, 3, 4],
    [2, 1, 4],
  ],
  [
    [2, 3, 4],
    [1, 3, 1],
  ],
  [
    [2, 1, 4],
    [1, 3, 1],
  ],
  [
    [2, 3, 1],
    [3, 4],
  ],
]

const random = seededRandom(5)
const DRAWN: typeof TAKEN = Array.from({ length: 25 }, () => {
  const shape = Array.from({ length: 1 + Math.floor(random() * 4) }, () => 1 + Math.floor(random() * 5))
  const factor = () => shape.map((length) => (random() < 0.4 ? 1 : length)).slice(random() < 0.3 ? 1 : 0)
  return [factor(), factor()]
})

function binary(tolerance = 0): Case[] {
  const of = (pairs: typeof TAKEN, native?: boolean) =>
    pairs.map(([a, b], seed): Case => {
      const range = { from: -8, to: 8 }
      const inputs = { a: values(a, seed, range), b: values(b, seed + 50, range) }
      return { name: `of [${a}] and [${b}]`, inputs, tolerance, native }
    })
  const special = { a: given([LEFT.length], LEFT), b: given([RIGHT.length], RIGHT) }
  return [
    ...of(TAKEN, true),
    ...of(LEFT_TO_CPU, false),
    ...of(DRAWN),
    { name: 'of special values', inputs: special, tolerance, native: true },
  ]
}

const CLIPS = [
  { clipValueMin: -0.5, clipValueMax: 0.25 },
  { clipValueMin: 0, clipValueMax: Number.POSITIVE_INFINITY },
  { clipValueMin: Number.NEGATIVE_INFINITY, clipValueMax: -1 },
  { clipValueMin: 0.1, clipValueMax: 0.1 },
]

/** Exact but where the cpu backend rounds once, from float64, and the kernel twice. */
export const ELEMENTWISE_CASES: Cases = {
  Relu: unary([{}]),
  Relu6: unary([{}]),
  Square: unary([{}]),
  Sqrt: unary([{}]),
  Rsqrt: unary([{}], TOLERANCE),
  Neg: unary([{}]),
  Abs: unary([{}]),
  Reciprocal: unary([{}]),
  Step: unary([{ alpha: 0 }, { alpha: 0.2 }, { alpha: -3 }]),
  ClipByValue: unary(CLIPS),
  Add: binary(),
  Sub: binary(),
  Multiply: binary(),
  RealDiv: binary(),
  Maximum: binary(),
  Minimum: binary(),
  SquaredDifference: binary(TOLERANCE),
}
