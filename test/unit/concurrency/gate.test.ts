import { expect, test } from 'vitest'
import { createGate } from '../../../src/concurrency/gate.ts'

test('a gate lets in one after the other, each when the one before has nothing more to do, and the event loop goes round', async () => {
  const enter = createGate()
  const done: string[] = []
  const work = async (name: string) => {
    await enter()
    for (let i = 0; i < 3; i++) {
      await Promise.resolve()
      done.push(name)
    }
  }
  setImmediate(() => done.push('outside'))
  await Promise.all(['a', 'b', 'c'].map(work))
  expect(done.filter((name) => name !== 'outside')).toEqual([...'aaabbbccc'])
  expect(done.indexOf('outside')).toBeLessThan(done.indexOf('b'))
  await work('again')
  expect(done.at(-1)).toBe('again')
})
