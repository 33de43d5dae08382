import { describe, expect, it } from 'vitest'
import { createBreath } from '../../../src/concurrency/breath.ts'

/** How often the event loop went round while promise followed promise. */
async function turnsWhile(pieces: number, breathe: () => Promise<void>): Promise<number> {
  let turns = 0
  let isOver = false
  const count = () => {
    turns += 1
    if (!isOver) setImmediate(count)
  }
  setImmediate(count)
  for (let i = 0; i < pieces; i++) await breathe()
  isOver = true
  return turns
}

describe('createBreath', () => {
  it('lets the event loop go round between pieces of work whose time is over', async () => {
    expect(await turnsWhile(50, createBreath(0))).toBeGreaterThanOrEqual(49)
  })

  it('keeps it as long as the time is not over', async () => {
    expect(await turnsWhile(50, createBreath(Number.POSITIVE_INFINITY))).toBe(0)
  })

  it('goes round once for all who wait at the same moment', async () => {
    const breathe = createBreath(0)
    const turns = await turnsWhile(1, async () => {
      await Promise.all(Array.from({ length: 50 }, breathe))
    })
    expect(turns).toBeLessThanOrEqual(2)
  })
})
