import { mkdtempSync, rmSync, truncateSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import {
  factsFor,
  nearest,
  pictureOf,
  writeFeatures,
} from '../../../../src/predictor/reasons/feature-file.ts'
import { Random } from '../../../../src/random.ts'

const folder = mkdtempSync(join(tmpdir(), 'vggzoo-feature-file-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

async function* batches(vectors: readonly Float32Array[], size: number) {
  for (let at = 0; at < vectors.length; at += size) {
    const some = vectors.slice(at, at + size)
    const batch = new Float32Array(some.length * some[0]!.length)
    some.forEach((vector, i) => {
      batch.set(vector, i * vector.length)
    })
    yield batch
  }
}

const cosineDistance = (one: Float32Array, other: Float32Array) => {
  const dot = (a: Float32Array, b: Float32Array) => a.reduce((sum, value, i) => sum + value * b[i]!, 0)
  const lengths = Math.sqrt(dot(one, one) * dot(other, other))
  return lengths === 0 ? 1 : 1 - dot(one, other) / lengths
}

/** As behind a ReLU: half of the values are 0. Of very different lengths. */
const vectors = Array.from({ length: 3000 }, (_, i) =>
  new Random(3, i).normal(1025, 10 ** ((i % 7) - 3)).map((value) => Math.max(0, value)),
)
vectors[17] = new Float32Array(1025)

test('the nearest are those of a brute force, their distances right to 10^-5, a picture its own nearest', async () => {
  const facts = factsFor(vectors.length, 1025, 2 ** 30)
  expect(facts.rows).toBe(vectors.length)
  await writeFeatures(folder, facts, batches(vectors, 128))
  // Near to 12, and longer; and unlike any.
  const near = vectors[12]!.map((value, i) => 3 * value + (i % 5 === 0 ? 0.0001 * i : 0))
  for (const [asked, first] of [
    [vectors[1234]!, 10],
    [near, 100],
    [new Random(9).normal(1025, 1), 7],
    [vectors[5]!, 1],
  ] as const) {
    const expected = vectors
      .map((vector, index) => ({ index, distance: cosineDistance(asked, vector) }))
      .sort((one, other) => one.distance - other.distance)
    const found = await nearest(folder, asked, first)
    expect(found).toHaveLength(first)
    for (const [place, { index, distance }] of found.entries()) {
      expect(Math.abs(distance - expected[place]!.distance)).toBeLessThan(1e-5)
      expect(Math.abs(distance - cosineDistance(asked, vectors[index]!))).toBeLessThan(1e-5)
    }
    expect(found[0]!.index).toBe(expected[0]!.index)
    expect(new Set(found.map(({ index }) => index)).size).toBe(first)
  }
  expect((await nearest(folder, vectors[1234]!, 1))[0]).toMatchObject({ index: 1234 })
})

test('features that are all zero are as far from everything as what has nothing in common', async () => {
  expect(await nearest(folder, new Float32Array(1025), 3)).toEqual(
    [0, 1, 2].map((index) => ({ index, distance: 1 })),
  )
  const all = await nearest(folder, vectors[18]!, vectors.length)
  expect(all.find(({ index }) => index === 17)).toEqual({ index: 17, distance: 1 })
})

test('where there is no room for all pictures, those that have a row are spread over the split', () => {
  const facts = factsFor(1000, 48, 30 * 100)
  expect(facts.rows).toBe(30)
  const pictures = Array.from({ length: 30 }, (_, row) => pictureOf(facts, row))
  expect([pictures[0], pictures[15], pictures[29]]).toEqual([0, 500, 966])
  expect(new Set(pictures).size).toBe(30)
})

test('a file that was cut short is an error, and so are features of another network', async () => {
  await expect(nearest(folder, new Float32Array(9), 1)).rejects.toThrow(/1025 units, and not of 9/)
  truncateSync(join(folder, 'features.bin'), 100_000)
  await expect(nearest(folder, vectors[0]!, 1)).rejects.toThrow(/ends before row/)
})
