import { seededRandom } from '../../../support/random.ts'
import { given, type Values, values } from '../support.ts'
import { type Case, type Cases, TOLERANCE } from './case.ts'

const TRANSPOSITIONS = [
  [false, false],
  [true, false],
  [false, true],
  [true, true],
] as const

const random = seededRandom(7)
const upTo = (n: number) => 1 + Math.floor(random() * n)

/** [rows, depth, columns]. */
const SIZES = [
  // A prediction's one row, and the few rows that have a kernel of their own.
  ...[1, 2, 3, 4, 5].map((rows) => [rows, 70, 33]),
  // Whole blocks and what is left of them; more of every dimension than one block.
  [16, 64, 32],
  [8, 300, 24],
  [130, 20, 170],
  [64, 530, 10],
  [1, 1, 1],
  ...Array.from({ length: 15 }, () => [upTo(40), upTo(40), upTo(70)]),
]

const MULTIPLIED = SIZES.flatMap(([m, k, n], at) =>
  TRANSPOSITIONS.map(([transposeA, transposeB]): Case => {
    const a = values(transposeA ? [k, m] : [m, k], at)
    const b = values(transposeB ? [n, k] : [k, n], at + 100)
    return {
      name: `[${a.shape}] by [${b.shape}]${transposeA ? ', a turned' : ''}${transposeB ? ', b turned' : ''}`,
      inputs: { a, b },
      attrs: { transposeA, transposeB },
      tolerance: TOLERANCE,
      native: !(transposeA && transposeB),
    }
  }),
)

const BATCHES: [a: number[], b: number[], native: boolean][] = [
  [[1], [1], true],
  [[3], [3], true],
  [[2, 3], [2, 3], true],
  [[1], [], true],
  [[], [1, 1], true],
  [[1, 3], [3], true],
  [[3], [1], false],
  [[1], [3], false],
  [[2, 3], [], false],
  [[3, 1], [1, 1], false],
]

const BATCHED = BATCHES.flatMap(([left, right, native]) =>
  TRANSPOSITIONS.map(([transposeA, transposeB]): Case => {
    const a = values([...left, ...(transposeA ? [12, 9] : [9, 12])], 1)
    const b = values([...right, ...(transposeB ? [8, 12] : [12, 8])], 2)
    return {
      name: `batches of [${left}] and [${right}]${transposeA ? ', a turned' : ''}${transposeB ? ', b turned' : ''}`,
      inputs: { a, b },
      attrs: { transposeA, transposeB },
      tolerance: TOLERANCE,
      native: native && !(transposeA && transposeB),
    }
  }),
)

const fused = (
  name: string,
  rows: number,
  columns: number,
  bias: Values | null,
  attrs: Case['attrs'],
  native: boolean,
): Case => ({
  name: `${name}: ${rows} rows, ${columns} columns`,
  inputs: {
    a: values(attrs?.transposeA ? [40, rows] : [rows, 40], 1),
    b: values(attrs?.transposeB ? [columns, 40] : [40, columns], 2),
    ...(bias ? { bias } : {}),
  },
  attrs: { transposeA: false, transposeB: false, activation: 'linear', leakyreluAlpha: 0.2, ...attrs },
  tolerance: TOLERANCE,
  native,
})

const rowOf = (columns: number) => values([columns], 3)

const FUSED = [1, 4, 6, 37].flatMap((rows) =>
  [10, 33, 64].flatMap((columns) => [
    fused('bias', rows, columns, rowOf(columns), {}, true),
    fused('bias and ReLU', rows, columns, rowOf(columns), { activation: 'relu' }, true),
    fused('ReLU alone', rows, columns, null, { activation: 'relu' }, true),
    fused('neither', rows, columns, null, {}, true),
  ]),
)

const FUSED_OTHERWISE = [
  fused('bias of rank 2', 5, 7, values([1, 7], 3), {}, true),
  fused('bias for each row', 7, 7, values([7, 1], 3), {}, false),
  fused('bias for each element', 3, 7, values([3, 7], 3), {}, false),
  fused('one bias for all', 3, 7, given([1], [0.5]), {}, false),
  ...['relu6', 'sigmoid', 'elu', 'leakyrelu'].map((activation) =>
    fused(activation, 5, 7, rowOf(7), { activation }, false),
  ),
  fused('a turned', 5, 7, null, { transposeA: true }, true),
  fused('b turned', 5, 7, null, { transposeB: true }, true),
  fused('a turned, with bias', 5, 7, rowOf(7), { transposeA: true }, false),
  fused('b turned, with ReLU', 5, 7, null, { transposeB: true, activation: 'relu' }, false),
  fused('both turned', 5, 7, rowOf(7), { transposeA: true, transposeB: true }, false),
]

export const DENSE_CASES: Cases = {
  BatchMatMul: [...MULTIPLIED, ...BATCHED],
  _FusedMatMul: [...FUSED, ...FUSED_OTHERWISE],
}
