import { describe, expect, test } from 'vitest'
import { createModelCache } from '../../../src/predictor/model-cache.ts'

/** Models that write down when they are loaded and disposed. */
function harness(maxBytes: number) {
  const events: string[] = []
  const cache = createModelCache<{ name: string; dispose(): void }>(maxBytes)
  return {
    events,
    use: (name: string, bytes: number) =>
      cache.get(name, bytes, async () => {
        events.push(`load ${name}`)
        return { name, dispose: () => events.push(`dispose ${name}`) }
      }),
  }
}

describe('the model cache', () => {
  test('loads a model once and hands out the same one', async () => {
    const { events, use } = harness(100)
    expect(await use('a', 60)).toBe(await use('a', 60))
    expect(events).toEqual(['load a'])
  })

  test('disposes the model that was not used for the longest time, before the new one is loaded', async () => {
    const { events, use } = harness(100)
    await use('a', 40)
    await use('b', 40)
    await use('a', 40)
    await use('c', 40)
    expect(events).toEqual(['load a', 'load b', 'dispose b', 'load c'])
    await use('a', 40)
    expect(events).toHaveLength(4)
  })

  test('makes room for a large one by disposing several', async () => {
    const { events, use } = harness(100)
    for (const name of ['a', 'b', 'c']) await use(name, 30)
    await use('large', 70)
    expect(events).toEqual(['load a', 'load b', 'load c', 'dispose a', 'dispose b', 'load large'])
  })

  test('keeps one model although it alone is over the limit', async () => {
    const { events, use } = harness(100)
    await use('a', 50)
    await use('huge', 500)
    await use('huge', 500)
    expect(events).toEqual(['load a', 'dispose a', 'load huge'])
    await use('b', 50)
    expect(events.slice(3)).toEqual(['dispose huge', 'load b'])
  })

  test('does not keep a load that failed, and counts nothing for it', async () => {
    const cache = createModelCache(100)
    const fails = () => cache.get('a', 90, () => Promise.reject(new Error('damaged')))
    await expect(fails()).rejects.toThrow('damaged')
    await expect(fails()).rejects.toThrow('damaged')
    let disposed = false
    const kept = { dispose: () => (disposed = true) }
    await cache.get('b', 90, async () => kept)
    expect(await cache.get('b', 90, () => Promise.reject(new Error('not again')))).toBe(kept)
    expect(disposed).toBe(false)
  })
})
