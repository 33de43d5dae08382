import { describe, expect, test } from 'vitest'
import { createBudget } from '../../../src/concurrency/budget.ts'

/** Tasks that run until they are told to end. */
function harness(limit: number) {
  const budget = createBudget(limit)
  const running = new Map<string, (error?: Error) => void>()
  return {
    running: () => [...running.keys()],
    spend: (name: string, size: number) =>
      budget.spend(
        size,
        () =>
          new Promise<string>((resolve, reject) => {
            running.set(name, (error) => (error === undefined ? resolve(name) : reject(error)))
          }),
      ),
    async end(name: string, error?: Error) {
      const stop = running.get(name)
      running.delete(name)
      stop?.(error)
      await new Promise((resolve) => setImmediate(resolve))
    },
  }
}

describe('a budget', () => {
  test('runs side by side what fits and lets the rest wait in order', async () => {
    const { spend, running, end } = harness(10)
    const tasks = [spend('a', 4), spend('b', 5), spend('c', 4), spend('d', 1)]
    await new Promise((resolve) => setImmediate(resolve))
    // d would fit; it stays behind c, so that a large one is not passed for ever.
    expect(running()).toEqual(['a', 'b'])
    await end('a')
    expect(running()).toEqual(['b', 'c', 'd'])
    for (const name of ['b', 'c', 'd']) await end(name)
    expect(await Promise.all(tasks)).toEqual(['a', 'b', 'c', 'd'])
  })

  test('runs what is larger than itself, alone', async () => {
    const { spend, running, end } = harness(10)
    const tasks = [spend('small', 1), spend('huge', 50), spend('next', 1)]
    await new Promise((resolve) => setImmediate(resolve))
    expect(running()).toEqual(['small'])
    await end('small')
    expect(running()).toEqual(['huge'])
    await end('huge')
    expect(running()).toEqual(['next'])
    await end('next')
    await Promise.all(tasks)
  })

  test('gets back what a failed task had', async () => {
    const { spend, running, end } = harness(1)
    const failing = spend('a', 1).catch((error: Error) => error.message)
    const next = spend('b', 1)
    await new Promise((resolve) => setImmediate(resolve))
    await end('a', new Error('no'))
    expect(await failing).toBe('no')
    expect(running()).toEqual(['b'])
    await end('b')
    await next
  })
})
