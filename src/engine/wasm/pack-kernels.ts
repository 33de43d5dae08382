import { advance, type Code, FunctionBuilder, f32x4, i32, repeat } from './assembler.ts'

/*
 * Both write the blocked layout of multiply-kernels.ts, [channels / 4][rows][4] with `targetBlock` bytes from one
 * four of channels to the next, from a plain matrix whose lines are `sourceLine` bytes apart.
 */

/** From [rows][channels]. `groups` fours of channels, at least one row. */
export function packKernel(): FunctionBuilder {
  const f = new FunctionBuilder('pack', ['source', 'target', 'rows', 'groups', 'sourceLine', 'targetBlock'])
  const { source, target, rows, groups, sourceLine, targetBlock } = f.parameters
  const { row, group, from, to } = f.i32('row', 'group', 'from', 'to')
  f.body = repeat(row, rows.get, [
    ...from.set(source.get),
    ...to.set(target.get),
    ...repeat(group, groups.get, [
      ...f32x4.store(to.get, f32x4.load(from.get)),
      ...advance(from, 16),
      ...advance(to, targetBlock.get),
    ]),
    ...advance(source, sourceLine.get),
    ...advance(target, 16),
  ])
  return f
}

/** From [channels][rows], transposing 4 x 4 elements at a time. `fours`: fours of rows. */
export function packTransposedKernel(): FunctionBuilder {
  const f = new FunctionBuilder('packTransposed', [
    ...(['source', 'target', 'fours', 'groups', 'sourceLine', 'targetBlock'] as const),
  ])
  const { source, target, fours, groups, sourceLine, targetBlock } = f.parameters
  const { four, group, from, to, line } = f.i32('four', 'group', 'from', 'to', 'line')
  const [a, b, c, d] = [f.v128(), f.v128(), f.v128(), f.v128()]
  const [low, high, low2, high2] = [f.v128(), f.v128(), f.v128(), f.v128()]
  const interleaveLow = [0, 4, 1, 5]
  const interleaveHigh = [2, 6, 3, 7]
  const firstHalves = [0, 1, 4, 5]
  const secondHalves = [2, 3, 6, 7]

  const transposeFour: Code = [
    ...line.set(from.get),
    ...[a, b, c, d].flatMap((input) => [
      ...input.set(f32x4.load(line.get)),
      ...advance(line, sourceLine.get),
    ]),
    ...low.set(f32x4.shuffle(a.get, b.get, interleaveLow)),
    ...high.set(f32x4.shuffle(a.get, b.get, interleaveHigh)),
    ...low2.set(f32x4.shuffle(c.get, d.get, interleaveLow)),
    ...high2.set(f32x4.shuffle(c.get, d.get, interleaveHigh)),
    ...f32x4.store(to.get, f32x4.shuffle(low.get, low2.get, firstHalves), 0),
    ...f32x4.store(to.get, f32x4.shuffle(low.get, low2.get, secondHalves), 16),
    ...f32x4.store(to.get, f32x4.shuffle(high.get, high2.get, firstHalves), 32),
    ...f32x4.store(to.get, f32x4.shuffle(high.get, high2.get, secondHalves), 48),
    ...advance(from, 16),
    ...advance(to, 64),
  ]
  f.body = repeat(group, groups.get, [
    ...from.set(source.get),
    ...to.set(target.get),
    ...repeat(four, fours.get, transposeFour),
    ...advance(source, i32.shiftLeft(sourceLine.get, 2)),
    ...advance(target, targetBlock.get),
  ])
  return f
}
