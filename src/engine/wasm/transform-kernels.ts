import { advance, type Code, FunctionBuilder, f32x4, type Local, repeat } from './assembler.ts'

export type Matrix = readonly (readonly number[])[]

/**
 * out = L * in * transpose(L) for many small matrices whose elements are four channels, a vector.
 *
 * Strides in bytes. sourceRow, sourceColumn, targetRow, targetColumn: between the elements of one matrix. Three
 * nested loops run over matrices, inner to outer: count0 of them at source0 and target0 from each other, and so on.
 * `scratch` has room for 36 vectors.
 *
 * With `epilogue` two more parameters follow: out = max(out + bias, floor), where `bias` moves by one vector with
 * every step of loop 1 and starts again with every step of loop 2, and `floor` is the address of one vector.
 */
export function transformKernel(name: string, matrix: Matrix, epilogue = false): FunctionBuilder {
  const f = new FunctionBuilder(name, [
    ...(['source', 'target', 'scratch', 'sourceRow', 'sourceColumn', 'targetRow', 'targetColumn'] as const),
    ...(['count0', 'source0', 'target0', 'count1', 'source1', 'target1'] as const),
    ...(['count2', 'source2', 'target2'] as const),
    ...(epilogue ? (['bias', 'floor'] as const) : []),
  ])
  const p = f.parameters
  const { line, lineAt, from, to } = f.i32('line', 'lineAt', 'from', 'to')
  const { loop0, loop1, loop2, sourceAt, targetAt } = f.i32('loop0', 'loop1', 'loop2', 'sourceAt', 'targetAt')
  const { source1At, target1At, biasAt } = f.i32('source1At', 'target1At', 'biasAt')
  const inputs = matrix[0].map(() => f.v128())
  const outputs = matrix.map(() => f.v128())
  const combine = combination(matrix, inputs, outputs, [f.v128(), f.v128()])
  const [height, width] = [matrix.length, matrix[0].length]

  const loadLine = (stride: Code | number): Code =>
    inputs.flatMap((input) => [...input.set(f32x4.load(from.get)), ...advance(from, stride)])
  const finished = (value: Code): Code =>
    epilogue ? f32x4.max(f32x4.add(value, f32x4.load(biasAt.get)), f32x4.load(p.floor.get)) : value

  const oneMatrix = [
    // Columns of the source become [column][height] in scratch.
    ...lineAt.set(sourceAt.get),
    ...to.set(p.scratch.get),
    ...repeat(line, width, [
      ...from.set(lineAt.get),
      ...loadLine(p.sourceRow.get),
      ...combine,
      ...outputs.flatMap((output, row) => f32x4.store(to.get, output.get, row * 16)),
      ...advance(lineAt, p.sourceColumn.get),
      ...advance(to, height * 16),
    ]),
    // What is now row r of scratch, across its columns, becomes row r of the target.
    ...lineAt.set(p.scratch.get),
    ...repeat(line, height, [
      ...from.set(lineAt.get),
      ...loadLine(height * 16),
      ...combine,
      ...to.set(targetAt.get),
      ...outputs.flatMap((output) => [
        ...f32x4.store(to.get, finished(output.get)),
        ...advance(to, p.targetColumn.get),
      ]),
      ...advance(lineAt, 16),
      ...advance(targetAt, p.targetRow.get),
    ]),
  ]
  const { target0At } = f.i32('target0At')
  f.body = repeat(loop2, p.count2.get, [
    ...source1At.set(p.source.get),
    ...target1At.set(p.target.get),
    ...(epilogue ? biasAt.set(p.bias.get) : []),
    ...repeat(loop1, p.count1.get, [
      ...sourceAt.set(source1At.get),
      ...target0At.set(target1At.get),
      ...repeat(loop0, p.count0.get, [
        ...targetAt.set(target0At.get),
        ...oneMatrix,
        ...advance(sourceAt, p.source0.get),
        ...advance(target0At, p.target0.get),
      ]),
      ...advance(source1At, p.source1.get),
      ...advance(target1At, p.target1.get),
      ...(epilogue ? advance(biasAt, 16) : []),
    ]),
    ...advance(p.source, p.source2.get),
    ...advance(p.target, p.target2.get),
  ])
  return f
}

/**
 * outputs = matrix * inputs. The transforms of Winograd's algorithm come in pairs that differ only in the sign of
 * every other term (the points +1 and -1, +2 and -2), which halves the arithmetic: such rows are the sum and the
 * difference of an even and an odd part, such columns meet their inputs' sum in even rows and difference in odd.
 */
function combination(
  matrix: Matrix,
  inputs: readonly Local[],
  outputs: readonly Local[],
  [first, second]: readonly [Local, Local],
): Code {
  const code: number[] = []
  if (matrix.length === 6) {
    for (let row = 0; row < 6; row++) {
      const terms = matrix[row].map((factor, j) => ({ factor, value: inputs[j].get }))
      if (row === 0 || row === 5) {
        code.push(...outputs[row].set(sumOf(terms)))
        continue
      }
      code.push(...first.set(sumOf(terms.filter((_, j) => j % 2 === 0))))
      code.push(...second.set(sumOf(terms.filter((_, j) => j % 2 === 1))))
      code.push(...outputs[row].set(f32x4.add(first.get, second.get)))
      code.push(...outputs[row + 1].set(f32x4.sub(first.get, second.get)))
      row++
    }
    return code
  }
  for (const j of [1, 3]) {
    code.push(...first.set(f32x4.sub(inputs[j].get, inputs[j + 1].get)))
    code.push(...inputs[j].set(f32x4.add(inputs[j].get, inputs[j + 1].get)))
    code.push(...inputs[j + 1].set(first.get))
  }
  for (const [row, factors] of matrix.entries()) {
    const unused = row % 2 === 0 ? [2, 4] : [1, 3]
    const terms = factors.map((factor, j) => ({
      // The pair's second input is the difference now, and takes the factor of the pair's first.
      factor: unused.includes(j) ? 0 : j === 2 || j === 4 ? factors[j - 1] : factor,
      value: inputs[j].get,
    }))
    code.push(...outputs[row].set(sumOf(terms)))
  }
  return code
}

function sumOf(terms: readonly { factor: number; value: Code }[]): Code {
  const used = terms.filter(({ factor }) => factor !== 0)
  // A positive term first, so that the others are plain additions and subtractions.
  used.sort((a, b) => Number(b.factor > 0) - Number(a.factor > 0))
  return used.reduce<Code>((sum, { factor, value }, index) => {
    if (index === 0) return factor === 1 ? value : f32x4.mul(value, f32x4.const(factor))
    const size = Math.abs(factor)
    const term = size === 1 ? value : f32x4.mul(value, f32x4.const(size))
    return factor > 0 ? f32x4.add(sum, term) : f32x4.sub(sum, term)
  }, [])
}
