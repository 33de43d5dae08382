import { describe, expect, test } from 'vitest'
import { NonFiniteAnswerError, UnusableModelError } from '../../../src/predictor/errors.ts'
import { rankedSoftmax } from '../../../src/predictor/probabilities.ts'

describe('the soft-max', () => {
  test('comes sorted with its labels, most likely first', () => {
    const ranked = rankedSoftmax(Float32Array.of(0, Math.log(2), Math.log(5)), ['cat', 'dog', 'frog'])
    expect(ranked.map(({ label }) => label)).toEqual(['frog', 'dog', 'cat'])
    ;[5 / 8, 2 / 8, 1 / 8].forEach((expected, index) => {
      expect(ranked[index]?.probability).toBeCloseTo(expected, 7)
    })
  })

  test('sums to 1 for a thousand classes and for logits that overflow exp', () => {
    const logits = Float32Array.from({ length: 1000 }, (_, index) => Math.sin(index) * 1000)
    const ranked = rankedSoftmax(
      logits,
      Array.from(logits, (_, index) => `class ${index}`),
    )
    const sum = ranked.reduce((total, { probability }) => total + probability, 0)
    expect(Math.abs(sum - 1)).toBeLessThan(1e-12)
  })

  test.each([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])(
    'is refused when a logit is %d',
    (logit) => {
      expect(() => rankedSoftmax([0, logit], ['cat', 'dog'])).toThrow(NonFiniteAnswerError)
      expect(new NonFiniteAnswerError()).toBeInstanceOf(UnusableModelError)
      expect(() => rankedSoftmax([0, logit], ['cat', 'dog'])).toThrow(`answers ${logit}`)
    },
  )
})
