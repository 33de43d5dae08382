import { expect, test } from 'vitest'
import { failureLast } from '../../../src/concurrency/iterate.ts'

test('what a stream fails with is its last item, and leaving it leaves its source', async () => {
  let left = 0
  async function* numbers() {
    try {
      yield 1
      yield 2
      throw new Error('No three.')
    } finally {
      left++
    }
  }
  const items: unknown[] = []
  for await (const item of failureLast(numbers())) items.push(item)
  expect(items).toEqual([1, 2, new Error('No three.')])
  for await (const item of failureLast(numbers())) {
    expect(item).toBe(1)
    break
  }
  expect(left).toBe(2)
})
