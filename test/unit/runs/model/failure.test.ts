import { expect, test } from 'vitest'
import { isOutOfMemory } from '../../../../src/runs/model/failure.ts'

test.each([
  ['native convolve: not enough memory to work in', true],
  ['The wasm engine has no room for 64 more bytes (its memory ends at 4 GiB).', true],
  ['Array buffer allocation failed', true],
  ['memory access out of bounds', true],
  ['native convolve: x has 3 values instead of 4', false],
  ['No rate of memory is known.', false],
])('"%s" is said without memory: %s', (message, expected) => {
  expect(isOutOfMemory(message)).toBe(expected)
})
