import { given, values } from '../support.ts'
import { type Case, type Cases, TOLERANCE } from './case.ts'

/** Every choice of some of the dimensions. */
const choicesOf = (rank: number): number[][] =>
  Array.from({ length: 2 ** rank }, (_, chosen) =>
    Array.from({ length: rank }, (_, axis) => axis).filter((axis) => chosen & (1 << axis)),
  )

const isLast = (axes: number[], rank: number) =>
  axes.length > 0 && axes.every((axis, i) => axis === rank - axes.length + i)
const isFirst = (axes: number[]) => axes.length > 0 && axes.every((axis, i) => axis === i)

const BOTH = [false, true]

/** More than a thread takes at a time, in either direction, and long rows. All of one sign: sums do not cancel. */
const LARGE: [shape: number[], axes: number[]][] = [
  [[5000, 7], [0]],
  [[300, 130], [0]],
  [[7, 9000], [1]],
  [[20000, 3], [1]],
  [
    [4, 16, 16, 24],
    [0, 1, 2],
  ],
  [
    [4, 16, 16, 24],
    [1, 2, 3],
  ],
  [[100_000], [0]],
]

function reduction(attrName: string, takesFirst: boolean, tolerance: number): Case[] {
  const of = (shape: number[], axes: number[], keepDims: boolean, from: number, native?: boolean): Case => ({
    name: `of [${shape}] over [${axes}]${keepDims ? ', dimensions kept' : ''}`,
    inputs: { x: values(shape, shape.length, { from }) },
    attrs: { [attrName]: axes, keepDims },
    tolerance,
    native,
  })
  const all = [[3, 4, 5, 2], [6, 1, 9], [13, 17], [11], []].flatMap((shape) =>
    choicesOf(shape.length).flatMap((axes) => {
      const native = isLast(axes, shape.length) || (takesFirst && isFirst(axes))
      return BOTH.map((keepDims) => of(shape, axes, keepDims, -1, native))
    }),
  )
  const large = LARGE.map(([shape, axes]) => of(shape, axes, false, 0))
  const { NaN: nan, POSITIVE_INFINITY: inf, NEGATIVE_INFINITY: minus } = Number
  const special = [1, nan, 3, inf, minus, 0, inf, 1, 1, minus, minus, minus, nan, nan, inf, 5]
  return [
    ...all,
    of([3, 4, 5], [-1], false, -1, true),
    of([3, 4, 5], [2, 1], false, -1, true),
    of([3, 4, 5], [2, 0], true, -1, false),
    ...large,
    ...[[0], [1]].map((axes) => ({
      ...of([4, 4], axes, false, 0),
      name: `of special values over [${axes}]`,
      inputs: { x: given([4, 4], special) },
    })),
  ]
}

const SOFTMAX: Case[] = [
  ...[[1], [5], [4, 10], [3, 2, 7], [2, 1000], [300, 10], [3, 17000]].map((shape) => ({
    name: `of [${shape}]`,
    inputs: { logits: values(shape, 3, { from: -4, to: 4 }) },
  })),
  { name: 'of large values', inputs: { logits: values([9, 11], 4, { from: -500, to: 500 }) } },
  {
    name: 'of special values',
    inputs: {
      logits: given(
        [6, 3],
        // biome-ignore format: one row a line
        [
          1, Number.NaN, 2,
          1, Number.POSITIVE_INFINITY, 2,
          1, Number.NEGATIVE_INFINITY, 2,
          -Infinity, -Infinity, -Infinity,
          Infinity, -Infinity, Number.NaN,
          3e38, -3e38, 0,
        ],
      ),
    },
  },
].map((it) => ({ ...it, attrs: { dim: -1 }, tolerance: TOLERANCE, native: true }))

function permutations(rank: number): number[][] {
  if (rank === 0) return [[]]
  return permutations(rank - 1).flatMap((shorter) =>
    Array.from({ length: rank }, (_, at) => [...shorter.slice(0, at), rank - 1, ...shorter.slice(at)]),
  )
}

/** Whether two groups of neighbours change places and nothing else does. */
function isRotated(perm: number[]): boolean {
  const from = perm.findIndex((axis, i) => axis !== i)
  const moved = perm.slice(from)
  return (
    from >= 0 &&
    moved.every((axis, i) => i === 0 || (axis - moved[i - 1] + moved.length) % moved.length === 1)
  )
}

const TRANSPOSE = [
  ...[1, 2, 3, 4].flatMap((rank) =>
    permutations(rank).map((perm) => ({ shape: [2, 3, 4, 5].slice(0, rank), perm })),
  ),
  { shape: [64, 33], perm: [1, 0] },
  { shape: [100, 70], perm: [1, 0] },
  { shape: [1, 70], perm: [1, 0] },
  { shape: [3, 40, 65], perm: [0, 2, 1] },
  { shape: [2, 9, 9, 32], perm: [0, 3, 1, 2] },
].map(({ shape, perm }) => ({
  name: `of [${shape}] to [${perm}]`,
  inputs: { x: values(shape, 6) },
  attrs: { perm },
  tolerance: 0,
  native: isRotated(perm),
}))

export const REDUCTION_CASES: Cases = {
  Sum: reduction('axis', true, TOLERANCE),
  Mean: reduction('axis', true, TOLERANCE),
  Max: reduction('reductionIndices', false, 0),
  Softmax: SOFTMAX,
  Transpose: TRANSPOSE,
}
