import { expect, test } from 'vitest'
import { createRemovals } from '../../../src/concurrency/removals.ts'

test('removals are done at once where nobody holds them, else in their order when the last one has let go', async () => {
  const removals = createRemovals()
  const done: string[] = []
  const remove = (name: string) => removals.postpone(async () => void done.push(name))
  expect(remove('before')).toBe(false)

  const [one, other] = [removals.hold(), removals.hold()]
  expect([remove('a'), remove('b')]).toEqual([true, true])
  await one()
  await one()
  expect(done).toEqual([])
  await other()
  expect(done).toEqual(['a', 'b'])
  expect(remove('after')).toBe(false)
})

test('a postponed removal that fails keeps no other from being done', async () => {
  const removals = createRemovals()
  const letGo = removals.hold()
  let isDone = false
  removals.postpone(() => Promise.reject(new Error('the disk fails')))
  removals.postpone(async () => {
    isDone = true
  })
  await letGo()
  expect(isDone).toBe(true)
})
