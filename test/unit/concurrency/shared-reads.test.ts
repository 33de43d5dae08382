import { describe, expect, test } from 'vitest'
import { followRows } from '../../../src/concurrency/follow-rows.ts'
import { createSharedReads } from '../../../src/concurrency/shared-reads.ts'

describe('shared reads', () => {
  test('are done once for all who ask at once, and again behind news and for who comes later', async () => {
    const reads = createSharedReads()
    let done = 0
    const task = async () => ({ row: ++done })
    const [one, other] = await Promise.all([reads.read('a', 1, task), reads.read('a', 1, task)])
    expect(one).toBe(other)
    expect(await reads.read('a', 1, task)).toEqual({ row: 2 })
    const before = reads.read('a', 1, task)
    reads.renew('a')
    const behind = [reads.read('a', 1, task), reads.read('a', 1, task)]
    expect(await before).toEqual({ row: 3 })
    expect(await Promise.all(behind)).toEqual([{ row: 4 }, { row: 4 }])
    expect(await Promise.all([reads.read('a', 2, task), reads.read('b', 1, task)])).toEqual([
      { row: 5 },
      { row: 6 },
    ])
  })

  test('that fail do so for all who wait, and the next tries again', async () => {
    const reads = createSharedReads()
    const fail = () => Promise.reject(new Error('disk'))
    const both = await Promise.allSettled([reads.read('a', 1, fail), reads.read('a', 1, fail)])
    expect(both.map(({ status }) => status)).toEqual(['rejected', 'rejected'])
    expect(await reads.read('a', 1, async () => 'row')).toBe('row')
  })

  test('let those who follow the same rows have the same objects, each once and in order, whenever they came', async () => {
    const reads = createSharedReads()
    const rows: { place: number }[] = []
    const lookers = new Set<() => void>()
    let readings = 0
    const follow = () =>
      followRows(
        {
          shared: { reads, topic: 'rows' },
          subscribe(look) {
            lookers.add(look)
            return () => lookers.delete(look)
          },
          async read(after, limit) {
            readings += 1
            // What is there when it begins: a row that is written meanwhile is for the next.
            const found = rows.slice(after, after + limit)
            await Promise.resolve()
            return found
          },
          placeOf: ({ place }) => place,
        },
        0,
        4,
      )
    const write = () => {
      rows.push({ place: rows.length + 1 })
      for (const look of lookers) look()
    }
    const take = async (stream: ReturnType<typeof follow>, count: number) => {
      const taken: unknown[] = []
      for (let i = 0; i < count; i++) taken.push((await stream.next()).value)
      return taken
    }
    const streams = Array.from({ length: 50 }, follow)
    const taking = streams.map((stream) => take(stream, 10))
    for (let i = 0; i < 10; i++) {
      write()
      streams.push(follow())
      taking.push(take(streams.at(-1)!, 10))
      await Promise.resolve()
    }
    for (const taken of await Promise.all(taking)) {
      expect(taken).toEqual(rows)
      expect(taken.every((row, i) => row === rows[i])).toBe(true)
    }
    expect(readings).toBeLessThan(200)
    await Promise.all(streams.map((stream) => stream.return?.()))
    expect(lookers.size).toBe(0)
  })
})
