import { advance, type Code, FunctionBuilder, f32x4, i32, type Local, repeat } from './assembler.ts'

/*
 * Matrix products on "blocked" matrices: a matrix [rows, channels] lies as [channels / 4][rows][4], so that four
 * channels of one row are a vector and neighbouring rows are neighbours in memory.
 *
 * The register tile is 4 x 8: 8 accumulators, 2 vectors of b and 4 splats of a are 14 of x64's 16 registers.
 * V8 moves the loads of a block ahead of its arithmetic, so a loop body does one step of the depth; unrolled
 * bodies spill (measured on Zen 5: 47 GFLOP/s for this tile, 28 for 6 x 8, 15 for 4 x 8 unrolled eight times).
 */
const ROWS = 4
const VECTORS = 2

/**
 * out = a * b, for every plane.
 * a: [depth / 4][rows][4], b: [columns / 4][depth][4], out: [columns / 4][rows][4]; rows and depth are multiples
 * of 4, columns of 8. aPlane, bPlane and outPlane are the bytes from one plane to the next.
 */
export function multiplyKernel(): FunctionBuilder {
  const f = new FunctionBuilder('multiply', [
    ...(['a', 'b', 'out', 'rows', 'depth', 'columns'] as const),
    ...(['planes', 'aPlane', 'bPlane', 'outPlane'] as const),
  ])
  const { a, b, out, rows, depth, columns, planes, aPlane, bPlane, outPlane } = f.parameters
  const { block, aAt, b0, b1, bPanel, outAt, tileRow } = f.i32(
    ...(['block', 'aAt', 'b0', 'b1', 'bPanel', 'outAt', 'tileRow'] as const),
  )
  const { plane, panel, row, group, lane, target } = f.i32(
    ...(['plane', 'panel', 'row', 'group', 'lane', 'target'] as const),
  )
  const tile = registerTile(f)

  const oneTile = [
    ...tile.clear,
    ...aAt.set(i32.add(a.get, tileRow.get)),
    ...b0.set(bPanel.get),
    ...b1.set(i32.add(bPanel.get, i32.shiftLeft(depth.get, 4))),
    ...repeat(group, i32.shiftRight(depth.get, 2), [
      ...repeat(lane, 4, [
        ...tile.step(aAt, 16, [b0, b1]),
        ...advance(aAt, 4),
        ...advance(b0, 16),
        ...advance(b1, 16),
      ]),
      // The four lanes moved it by 16 bytes; the next four channels are a block further.
      ...advance(aAt, i32.sub(block.get, i32.const(16))),
    ]),
    ...target.set(outAt.get),
    ...tile.store(target, i32.const(16), block.get),
    ...advance(outAt, 64),
    ...advance(tileRow, 64),
  ]
  f.body = [
    ...block.set(i32.shiftLeft(rows.get, 4)),
    ...repeat(plane, planes.get, [
      ...bPanel.set(b.get),
      ...outAt.set(out.get),
      ...repeat(panel, i32.shiftRight(columns.get, 3), [
        ...tileRow.set(i32.const(0)),
        ...repeat(row, i32.shiftRight(rows.get, 2), oneTile),
        ...advance(outAt, block.get),
        ...advance(bPanel, i32.shiftLeft(depth.get, 5)),
      ]),
      ...advance(a, aPlane.get),
      ...advance(b, bPlane.get),
      ...advance(out, outPlane.get),
    ]),
  ]
  return f
}

/**
 * out = transpose(a) * b, or out += with `add`, for every plane; the depth is the rows of both.
 * Strides in bytes, so that blocked and plain row-major matrices both do:
 * aStep, bStep: from one row to the next; aBlock: four channels of a further; bVector, bPanel: four and eight
 * channels of b further; outRow: one channel of a further in out; outVector, outPanel: four and eight of b.
 * Channels of a: a multiple of 4, of b: a multiple of 8.
 */
export function multiplyTransposedKernel(name: string, { add }: { add: boolean }): FunctionBuilder {
  const f = new FunctionBuilder(name, [
    ...(['a', 'b', 'out', 'rows', 'aChannels', 'bChannels', 'aStep', 'bStep', 'aBlock'] as const),
    ...(['bVector', 'bPanel', 'outRow', 'outVector', 'outPanel'] as const),
    ...(['planes', 'aPlane', 'bPlane', 'outPlane'] as const),
  ])
  const { a, b, out, rows, aChannels, bChannels, aStep, bStep, aBlock } = f.parameters
  const { bVector, bPanel, outRow, outVector, outPanel } = f.parameters
  const { planes, aPlane, bPlane, outPlane } = f.parameters
  const { plane, panel, channels, row } = f.i32('plane', 'panel', 'channels', 'row')
  const { aAt, b0, b1, aPanelAt, bPanelAt, outPanelAt, outAt, target } = f.i32(
    ...(['aAt', 'b0', 'b1', 'aPanelAt', 'bPanelAt', 'outPanelAt', 'outAt', 'target'] as const),
  )
  const tile = registerTile(f)

  const oneTile = [
    ...(add ? [...target.set(outAt.get), ...tile.load(target, outRow.get, outVector.get)] : tile.clear),
    ...aAt.set(aPanelAt.get),
    ...b0.set(bPanelAt.get),
    ...b1.set(i32.add(bPanelAt.get, bVector.get)),
    ...repeat(row, rows.get, [
      ...tile.step(aAt, 4, [b0, b1]),
      ...advance(aAt, aStep.get),
      ...advance(b0, bStep.get),
      ...advance(b1, bStep.get),
    ]),
    ...target.set(outAt.get),
    ...tile.store(target, outRow.get, outVector.get),
    ...outAt.set(target.get),
    ...advance(aPanelAt, aBlock.get),
  ]
  f.body = [
    ...repeat(plane, planes.get, [
      ...bPanelAt.set(b.get),
      ...outPanelAt.set(out.get),
      ...repeat(panel, i32.shiftRight(bChannels.get, 3), [
        ...aPanelAt.set(a.get),
        ...outAt.set(outPanelAt.get),
        ...repeat(channels, i32.shiftRight(aChannels.get, 2), oneTile),
        ...advance(bPanelAt, bPanel.get),
        ...advance(outPanelAt, outPanel.get),
      ]),
      ...advance(a, aPlane.get),
      ...advance(b, bPlane.get),
      ...advance(out, outPlane.get),
    ]),
  ]
  return f
}

interface RegisterTile {
  clear: Code
  /** Vector j of row i lies at address + i * row + j * vector; afterwards `address` is behind the last row. */
  load(address: Local, row: Code, vector: Code): Code
  store(address: Local, row: Code, vector: Code): Code
  /** One step of the depth: acc[i][j] += a[i] * b[j], with a[i] at a + i * aStride bytes. */
  step(a: Local, aStride: number, b: readonly Local[]): Code
}

function registerTile(f: FunctionBuilder): RegisterTile {
  const accumulators = Array.from({ length: ROWS }, () => Array.from({ length: VECTORS }, () => f.v128()))
  const factors = Array.from({ length: VECTORS }, () => f.v128())
  const splat = f.v128()
  const { second } = f.i32('second')

  const eachVector = (
    address: Local,
    row: Code,
    vector: Code,
    visit: (at: Local, acc: Local) => Code,
  ): Code => [
    ...second.set(i32.add(address.get, vector)),
    ...accumulators.flatMap(([left, right]) => [
      ...visit(address, left),
      ...visit(second, right),
      ...advance(address, row),
      ...advance(second, row),
    ]),
  ]
  return {
    clear: accumulators.flat().flatMap((acc) => acc.set(f32x4.zero())),
    load: (address, row, vector) =>
      eachVector(address, row, vector, (at, acc) => acc.set(f32x4.load(at.get))),
    store: (address, row, vector) =>
      eachVector(address, row, vector, (at, acc) => f32x4.store(at.get, acc.get)),
    step: (a, aStride, b) => [
      ...factors.flatMap((factor, j) => factor.set(f32x4.load(b[j].get))),
      ...accumulators.flatMap((vectors, i) => [
        ...splat.set(f32x4.loadSplat(a.get, i * aStride)),
        ...vectors.flatMap((acc, j) => acc.set(f32x4.add(acc.get, f32x4.mul(splat.get, factors[j].get)))),
      ]),
    ],
  }
}
