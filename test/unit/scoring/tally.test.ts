import { describe, expect, test } from 'vitest'
import { createMistakeWriter, MAX_BYTES, readMistakes } from '../../../src/scoring/mistakes.ts'
import { confusionMatrix } from '../../../src/scoring/scores.ts'
import { createTally, MAX_MISTAKES } from '../../../src/scoring/tally.ts'

/** The result for images of so many classes: [logits, label] each. */
function tallied(classes: number, ...images: [number[], number][]) {
  const tally = createTally(classes)
  for (const [logits, label] of images) tally.add(logits, label)
  return tally.result()
}

describe('the mistakes of an evaluation', () => {
  test('are the wrong images with the soft-max of both classes, the most confident first', () => {
    const { mistakes } = tallied(
      3,
      [[0, 1, 0], 0],
      [[5, 0, 0], 0],
      [[0, 0, 4], 1],
      [[Math.log(2), Math.log(3), Math.log(5)], 0],
    )
    expect(mistakes.map(({ index }) => index)).toEqual([2, 0, 3])
    expect(mistakes[2]).toMatchObject({ label: 0, predicted: 2 })
    expect(mistakes[2]!.confidence).toBeCloseTo(0.5, 12)
    expect(mistakes[2]!.trueConfidence).toBeCloseTo(0.2, 12)
    expect(mistakes[0]!.confidence).toBeCloseTo(Math.exp(4) / (Math.exp(4) + 2), 12)
  })

  test('of the same confidence are in the order of their images', () => {
    const { mistakes } = tallied(2, [[3, 0], 1], [[0, 3], 0], [[9, 0], 1], [[0, 3], 0])
    expect(mistakes.map(({ index }) => index)).toEqual([2, 0, 1, 3])
  })

  test('are no more than are kept, and those that are kept are the most confident', () => {
    const confident = (i: number) => (i * 37) % 301
    const images = Array.from({ length: 301 }, (_, i): [number[], number] => [[0, 1 + confident(i) / 100], 0])
    const { mistakes } = tallied(2, ...images)
    const expected = images
      .map((_, index) => index)
      .sort((a, b) => confident(b) - confident(a))
      .slice(0, MAX_MISTAKES)
    expect(mistakes.map(({ index }) => index)).toEqual(expected)
  })

  test('are of images that were answered: what is not finite is taken for no class', () => {
    const { mistakes, confusion } = tallied(
      3,
      [[Number.NaN, 1, 0], 0],
      [[0, Number.POSITIVE_INFINITY, 0], 0],
      [[0, 0, Number.NEGATIVE_INFINITY], 1],
      [[0, 0.1, 0], 0],
    )
    expect(mistakes.map(({ index }) => index)).toEqual([3])
    expect(confusion).toEqual([[0, 1, 1]])
  })
})

describe('a network that is not finite', () => {
  test.each([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])(
    'has no figures when its every answer is %d: it is not as good as chance',
    (value) => {
      const images = Array.from({ length: 10 }, (_, label): [number[], number] => [
        new Array(10).fill(value),
        label,
      ])
      expect(tallied(10, ...images)).toMatchObject({
        loss: null,
        accuracy: null,
        top5Accuracy: null,
        count: 10,
        mistakes: [],
      })
    },
  )

  test('has none either when it answers all images but one, wherever the number is', () => {
    for (const at of [0, 1, 2]) {
      for (const value of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
        const logits = [0, 1, 2].with(at, value)
        const { confusion, ...figures } = tallied(3, [[0, 0, 1], 2], [logits, 0], [[0, 1, 0], 1])
        expect(figures).toMatchObject({ loss: null, accuracy: null, top5Accuracy: null, count: 3 })
        expect(confusion).toEqual([
          [1, 1, 1],
          [2, 2, 1],
        ])
      }
    }
  })
})

test('what is right is always among the five most likely', () => {
  const odd = [-3e38, 0, 0, 1, 1, 3e38]
  for (let i = 0; i < 200; i++) {
    const logits = Array.from({ length: 10 }, (_, j) => odd[(i * 7 + j * j * (i + 3)) % odd.length]!)
    for (let label = 0; label < 10; label++) {
      const { accuracy, top5Accuracy, loss } = tallied(10, [logits, label])
      expect(top5Accuracy).toBeGreaterThanOrEqual(accuracy!)
      expect(loss).toBeLessThan(Number.POSITIVE_INFINITY)
    }
  }
})

test('a loss does not overflow with large logits', () => {
  expect(tallied(2, [[1000, 999], 1]).loss).toBeCloseTo(Math.log(1 + Math.E), 9)
})

describe('every mistake of an evaluation', () => {
  test('is kept with the soft-max of each class, and found by its cell, the most confident first', () => {
    const tally = createTally(3)
    const images: [number[], number][] = []
    for (let i = 0; i < 400; i++) images.push([[i % 7, (i * 3) % 5, (i * 5) % 11], i % 3])
    images.push([[Number.NaN, 0, 0], 1])
    for (const [logits, label] of images) tally.add(logits, label)
    const { confusion, mistakes: worst } = tally.result()
    const matrix = confusionMatrix(confusion, 3)
    const bytes = tally.mistakes()
    for (const label of [0, 1, 2]) {
      for (const predicted of [0, 1, 2]) {
        const cell = readMistakes(bytes, 3, { label, predicted })
        expect(cell).toHaveLength(label === predicted ? 0 : matrix[label]![predicted]!)
        for (const { index, probabilities } of cell) {
          const [logits, truth] = images[index]!
          expect(truth).toBe(label)
          const sum = logits.reduce((total, logit) => total + Math.exp(logit), 0)
          logits.forEach((logit, c) => {
            expect(probabilities[c]).toBeCloseTo(Math.exp(logit) / sum, 6)
          })
        }
        const confidences = cell.map(({ probabilities }) => probabilities[predicted]!)
        expect(confidences).toEqual([...confidences].sort((one, other) => other - one))
      }
    }
    const all = readMistakes(bytes, 3, {})
    expect(all.slice(0, 5).map(({ index }) => index)).toEqual(worst.slice(0, 5).map(({ index }) => index))
    expect(readMistakes(new Uint8Array(0), 3, {})).toEqual([])
  })

  test('is kept as far as there is room', () => {
    const writer = createMistakeWriter(1000)
    const room = Math.floor(MAX_BYTES / (8 + 4 * 1000))
    for (let index = 0; index < room + 10; index++) writer.add(index, 999, 256, () => 1)
    expect(writer.bytes().length).toBeLessThanOrEqual(MAX_BYTES)
    const kept = readMistakes(writer.bytes(), 1000, { label: 999, predicted: 256 })
    expect(kept.map(({ index }) => index)).toEqual(Array.from({ length: room }, (_, i) => i))
  })
})

test('a thousand classes take no more room than the pictures that were seen', () => {
  const logits = new Float32Array(1000)
  const tally = createTally(1000)
  for (let label = 0; label < 1000; label++) {
    logits[(label + 1) % 1000] = 1
    tally.add(logits, label)
    tally.add(logits, label)
    logits[(label + 1) % 1000] = 0
  }
  const result = tally.result()
  expect(result.confusion).toHaveLength(1000)
  expect(result.confusion.slice(-2)).toEqual([
    [998, 999, 2],
    [999, 0, 2],
  ])
  expect(JSON.stringify(result).length).toBeLessThan(50_000)
})
