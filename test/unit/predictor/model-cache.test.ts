import { describe, expect, test } from 'vitest'
import { createModelCache } from '../../../src/predictor/model-cache.ts'

/** Models that write down when they are loaded and disposed. */
function harness(maxBytes: number) {
  const events: string[] = []
  const kept = new Set<string>()
  const cache = createModelCache<{ name: string; dispose(): void }>(maxBytes, (name, isLoaded) => {
    if (isLoaded) kept.add(name)
    else kept.delete(name)
  })
  const acquire = (name: string, bytes: number) =>
    cache.acquire(name, bytes, async () => {
      events.push(`load ${name}`)
      return { name, dispose: () => events.push(`dispose ${name}`) }
    })
  return {
    events,
    kept,
    acquire,
    async use(name: string, bytes: number) {
      const { model, release } = await acquire(name, bytes)
      release()
      return model
    },
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
    const fails = () => cache.acquire('a', 90, () => Promise.reject(new Error('damaged')))
    await expect(fails()).rejects.toThrow('damaged')
    await expect(fails()).rejects.toThrow('damaged')
    let disposed = false
    const kept = { dispose: () => (disposed = true) }
    await cache.acquire('b', 90, async () => kept)
    expect((await cache.acquire('b', 90, () => Promise.reject(new Error('not again')))).model).toBe(kept)
    expect(disposed).toBe(false)
  })

  test('disposes none that is held: a load waits until there is room, and whoever asks again waits behind it', async () => {
    const { events, kept, acquire } = harness(100)
    const first = await acquire('a', 60)
    const second = acquire('b', 60)
    const again = await acquire('a', 60)
    first.release()
    first.release()
    const third = acquire('c', 30)
    await new Promise((resolve) => setImmediate(resolve))
    expect(events).toEqual(['load a'])
    again.release()
    expect(events).toEqual(['load a', 'dispose a'])
    const later = acquire('a', 60)
    const { model, release } = await second
    expect(model.name).toBe('b')
    await third
    expect(events).toEqual(['load a', 'dispose a', 'load b', 'load c'])
    expect([...kept]).toEqual(['b', 'c'])
    release()
    await later
    expect(events.slice(4)).toEqual(['dispose b', 'load a'])
  })

  test('loads a model once for all who ask for it meanwhile', async () => {
    const { events, acquire } = harness(100)
    const leases = await Promise.all([acquire('a', 60), acquire('a', 60), acquire('a', 60)])
    expect(new Set(leases.map(({ model }) => model)).size).toBe(1)
    expect(events).toEqual(['load a'])
  })
})
