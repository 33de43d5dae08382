import { expect, test } from 'vitest'
import { occlusion } from '../../../../src/predictor/reasons/occlusion.ts'

const SIZE = [16, 24] as const
/** As sharp hands pictures out. */
const black = () => Buffer.alloc(SIZE[0] * SIZE[1] * 3)
/** Grey values, [height][width]. */
function rowsOf(pixels: Uint8Array): number[][] {
  expect(pixels.every((value, at) => value === pixels[at - (at % 3)])).toBe(true)
  return Array.from({ length: SIZE[0] }, (_, y) =>
    Array.from({ length: SIZE[1] }, (_, x) => pixels[(y * SIZE[1] + x) * 3]!),
  )
}

test('a pixel has the mean drop of the squares that hide it', async () => {
  const asked: number[][][] = []
  // What is at 5, 10 is all that the answer depends on.
  const map = await occlusion(black(), SIZE, 0.9, async (pixels) => {
    const rows = rowsOf(pixels)
    asked.push(rows)
    return rows[5]![10] === 128 ? 0.4 : 0.9
  })
  expect(asked).toHaveLength(49)
  for (const rows of asked) expect(rows.flat().filter((value) => value === 128)).toHaveLength(4 * 6)
  const expected: number[] = []
  for (let y = 0; y < SIZE[0]; y++) {
    for (let x = 0; x < SIZE[1]; x++) {
      const hiding = asked.filter((rows) => rows[y]![x] === 128)
      const drops = hiding.map((rows): number => (rows[5]![10] === 128 ? 0.5 : 0))
      expected.push(drops.reduce((sum, drop) => sum + drop, 0) / drops.length)
    }
  }
  for (const [at, drop] of map.entries()) expect(drop).toBeCloseTo(expected[at]!, 6)
  expect(map[5 * SIZE[1] + 10]).toBeCloseTo(0.5, 6)
})

test.each([
  [1, 1],
  [3, 50],
  [31, 33],
  [64, 96],
])('every pixel of a picture of %i x %i is hidden by a square', async (height, width) => {
  const map = await occlusion(new Uint8Array(height * width * 3), [height, width], 1, async () => 0)
  expect(map).toEqual(new Float32Array(height * width).fill(1))
})

test('nothing more is asked once one answer fails, and what was asked for is cancelled', async () => {
  let asked = 0
  const signals = new Set<AbortSignal>()
  const map = occlusion(black(), SIZE, 1, async (_pixels, signal) => {
    signals.add(signal)
    if (++asked === 20) throw new Error('no answer')
    return 1
  })
  await expect(map).rejects.toThrow('no answer')
  const then = asked
  await new Promise((resolve) => setImmediate(resolve))
  expect(asked).toBe(then)
  expect([...signals].map(({ aborted }) => aborted)).toEqual([true])
})

test('who asked and is gone has nothing more asked', async () => {
  const leaving = new AbortController()
  let asked = 0
  const map = occlusion(
    black(),
    SIZE,
    1,
    async (_pixels, signal) => {
      signal.throwIfAborted()
      if (++asked === 20) leaving.abort(new Error('gone'))
      return 1
    },
    leaving.signal,
  )
  await expect(map).rejects.toThrow('gone')
  expect(asked).toBe(20)
})
