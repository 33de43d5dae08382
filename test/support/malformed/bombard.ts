import { readFileSync } from 'node:fs'
import { expect } from 'vitest'
import { type Draw, drawing } from '../random.ts'
import type { LogLine, TestServer } from '../server.ts'

/** Sends the input that is drawn, and answers what is wrong with what came back; null for nothing. */
export type Attack = (draw: Draw) => Promise<string | null>

/** With so little room garbage is collected soon, and memory that is held is seen. */
export const LITTLE_ROOM = { NODE_OPTIONS: '--max-old-space-size=192' }

/** Of pino: error. */
const ERROR_LEVEL = 50
const AT_ONCE = 24
/** Of faults, enough to see what they have in common. */
const MOST_TOLD = 10

/**
 * Sends a server the inputs of so many seeds, several at once. It must answer each so that a client can do something with
 * it, log no error, and at the end answer as it did before, with at most so many bytes more than after a third of them.
 */
export async function bombard(
  server: TestServer,
  attack: Attack,
  { count, firstSeed = 0, mostGrown }: { count: number; firstSeed?: number; mostGrown: number },
): Promise<void> {
  const errors: LogLine[] = []
  let death: unknown
  server
    .logged((line) => {
      if (Number(line.level) >= ERROR_LEVEL || line.msg.startsWith('the predictor process')) errors.push(line)
      return false
    })
    .catch((error: unknown) => {
      death = error
    })
  const faults: string[] = []
  const send = async (seed: number) => {
    try {
      const fault = await attack(drawing(seed))
      if (fault !== null) faults.push(`seed ${seed}: ${fault}`)
    } catch (error) {
      faults.push(`seed ${seed}: ${error instanceof Error ? `${error.message} ${error.cause ?? ''}` : error}`)
    }
  }
  let next = firstSeed
  const through = async (end: number) => {
    const worker = async () => {
      while (next < end && death === undefined && faults.length < MOST_TOLD) await send(next++)
    }
    await Promise.all(Array.from({ length: AT_ONCE }, worker))
    if (death !== undefined) throw death
    expect(faults).toEqual([])
  }
  await through(firstSeed + Math.ceil(count / 3))
  const before = residentBytes(server.pid)
  await through(firstSeed + count)
  expect(await server.query('{ __typename }')).toEqual({ __typename: 'Query' })
  const grown = residentBytes(server.pid) - before
  expect(errors.map(({ msg, err }) => `${msg} ${JSON.stringify(err)}`)).toEqual([])
  expect(grown).toBeLessThan(mostGrown)
}

export function residentBytes(pid: number): number {
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) * 1024
}
