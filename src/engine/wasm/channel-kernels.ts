import { advance, type Code, FunctionBuilder, f32x4, i32, repeat } from './assembler.ts'

/*
 * Passes over [rows][channels]. The sums read one cache line of every row, 16 channels, or 4 where the channels are
 * no multiple of 16; a slab of rows is summed on its own and then added, so that rounding errors stay those of a
 * few hundred additions.
 */

/** sum[c] += the sum of x[r][c]. `vectors`: 4 or 1 vectors of channels, at x and sum. `rowBytes`: bytes of a row. */
export function sumKernel(name: string, vectors: number): FunctionBuilder {
  const f = new FunctionBuilder(name, ['x', 'sum', 'slabs', 'rows', 'rowBytes'])
  const { x, sum, slabs, rows, rowBytes } = f.parameters
  const { slab, row } = f.i32('slab', 'row')
  const sums = Array.from({ length: vectors }, () => f.v128())
  f.body = repeat(slab, slabs.get, [
    ...sums.flatMap((acc) => acc.set(f32x4.zero())),
    ...repeat(row, rows.get, [
      ...sums.flatMap((acc, i) => acc.set(f32x4.add(acc.get, f32x4.load(x.get, i * 16)))),
      ...advance(x, rowBytes.get),
    ]),
    ...addTo(
      sum.get,
      sums.map((acc) => acc.get),
    ),
  ])
  return f
}

/** sum[c] += the sum of dy[r][c], product[c] += the sum of dy[r][c] * (x[r][c] - mean[c]); otherwise like `sum`. */
export function gradientSumsKernel(name: string, vectors: number): FunctionBuilder {
  const f = new FunctionBuilder(name, ['dy', 'x', 'mean', 'sum', 'product', 'slabs', 'rows', 'rowBytes'])
  const { dy, x, mean, sum, product, slabs, rows, rowBytes } = f.parameters
  const { slab, row } = f.i32('slab', 'row')
  const gradient = f.v128()
  const sums = Array.from({ length: vectors }, () => f.v128())
  const products = Array.from({ length: vectors }, () => f.v128())
  f.body = repeat(slab, slabs.get, [
    ...[...sums, ...products].flatMap((acc) => acc.set(f32x4.zero())),
    ...repeat(row, rows.get, [
      ...sums.flatMap((acc, i) => [
        ...gradient.set(f32x4.load(dy.get, i * 16)),
        ...acc.set(f32x4.add(acc.get, gradient.get)),
        ...products[i].set(
          f32x4.add(
            products[i].get,
            f32x4.mul(gradient.get, f32x4.sub(f32x4.load(x.get, i * 16), f32x4.load(mean.get, i * 16))),
          ),
        ),
      ]),
      ...advance(dy, rowBytes.get),
      ...advance(x, rowBytes.get),
    ]),
    ...addTo(
      sum.get,
      sums.map((acc) => acc.get),
    ),
    ...addTo(
      product.get,
      products.map((acc) => acc.get),
    ),
  ])
  return f
}

const addTo = (address: Code, values: readonly Code[]): Code =>
  values.flatMap((value, i) => f32x4.store(address, f32x4.add(f32x4.load(address, i * 16), value), i * 16))

/** y[r][c] = x[r][c] * scale[c] + offset[c]; `groups` fours of channels. */
export function scaleKernel(): FunctionBuilder {
  const f = new FunctionBuilder('scale', ['x', 'y', 'scale', 'offset', 'rows', 'groups'])
  const { x, y, scale, offset, rows, groups } = f.parameters
  const { row, group, at } = f.i32('row', 'group', 'at')
  f.body = repeat(row, rows.get, [
    ...at.set(i32.const(0)),
    ...repeat(group, groups.get, [
      ...f32x4.store(
        y.get,
        f32x4.add(
          f32x4.mul(f32x4.load(x.get), f32x4.load(i32.add(scale.get, at.get))),
          f32x4.load(i32.add(offset.get, at.get)),
        ),
      ),
      ...advance(x, 16),
      ...advance(y, 16),
      ...advance(at, 16),
    ]),
  ])
  return f
}

/**
 * The gradient of max-pooling 2x2 with stride 2: dy goes to the first of the four inputs that equals y, in reading
 * order. x, dx: [rows * 2][columns * 2][channels], y, dy: [rows][columns][channels]; `rowBytes`: a row of x,
 * `pixelBytes`: a pixel, `groups` fours of channels.
 */
export function maxPoolGradientKernel(): FunctionBuilder {
  const f = new FunctionBuilder('maxPoolGradient', [
    ...(['x', 'y', 'dy', 'dx', 'rows', 'columns', 'groups', 'rowBytes', 'pixelBytes'] as const),
  ])
  const { x, y, dy, dx, rows, columns, groups, rowBytes, pixelBytes } = f.parameters
  const { row, column, group, shift } = f.i32('row', 'column', 'group', 'shift')
  const [rest, hit, largest] = [f.v128(), f.v128(), f.v128()]
  const corners = [i32.const(0), pixelBytes.get, rowBytes.get, i32.add(rowBytes.get, pixelBytes.get)]
  f.body = repeat(row, rows.get, [
    ...repeat(column, columns.get, [
      ...repeat(group, groups.get, [
        ...rest.set(f32x4.load(dy.get)),
        ...largest.set(f32x4.load(y.get)),
        ...corners.flatMap((corner) => [
          ...shift.set(corner),
          ...hit.set(f32x4.eq(f32x4.load(i32.add(x.get, shift.get)), largest.get)),
          ...f32x4.store(i32.add(dx.get, shift.get), f32x4.and(rest.get, hit.get)),
          ...rest.set(f32x4.andNot(rest.get, hit.get)),
        ]),
        ...[x, y, dy, dx].flatMap((pointer) => advance(pointer, 16)),
      ]),
      ...[x, dx].flatMap((pointer) => advance(pointer, pixelBytes.get)),
    ]),
    ...[x, dx].flatMap((pointer) => advance(pointer, rowBytes.get)),
  ])
  return f
}
