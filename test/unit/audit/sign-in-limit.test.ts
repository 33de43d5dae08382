import { expect, test } from 'vitest'
import { createSignInLimit } from '../../../src/audit/sign-in-limit.ts'

const MINUTE = 60_000

test('Ten failures a minute of one address are told, and the next that is says how many were not', () => {
  const mayTell = createSignInLimit()
  const told = Array.from({ length: 25 }, (_, i) => mayTell('10.0.0.1', MINUTE + i))
  expect(told).toEqual([...Array(10).fill(0), ...Array(15).fill(null)])
  expect(mayTell('10.0.0.2', MINUTE + 25)).toBe(15)
  expect(mayTell('10.0.0.2', MINUTE + 26)).toBe(0)
  expect(mayTell('10.0.0.1', 2 * MINUTE)).toBe(0)
})

test('A hundred a minute of all addresses together are told', () => {
  const mayTell = createSignInLimit()
  const told = Array.from({ length: 1000 }, (_, i) => mayTell(`10.0.${i >> 8}.${i & 255}`, MINUTE))
  expect(told.filter((it) => it !== null)).toHaveLength(100)
  expect(mayTell('10.1.0.0', 2 * MINUTE)).toBe(900)
})
