import { expect, test } from 'vitest'
import { ValidationError } from '../../src/errors.ts'

test('the message of a ValidationError says of each issue where it is, unless it is about the whole input', () => {
  const issues = [
    { path: [], message: 'Say what to change.' },
    { path: ['schedule', 'cosine'], message: 'Too long.' },
  ]
  expect(new ValidationError(issues).message).toBe('Say what to change.; schedule.cosine: Too long.')
})
