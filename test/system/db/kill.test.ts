import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { expect, test } from 'vitest'
import { openDatabase } from '../../../src/db/client.ts'
import { embeddedFolder } from './support.ts'

/** Starts the writer, kills it with SIGKILL after `enough` acknowledged rows, and returns the last of them. */
async function writeUntilKilled(folder: string, first: number, enough: number): Promise<number> {
  const script = join(import.meta.dirname, 'child.ts')
  const child = spawn(
    process.execPath,
    ['--liftoff-only', '--import', 'tsx', script, 'write', folder, String(first)],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  )
  let last = first - 1
  for await (const line of createInterface({ input: child.stdout })) {
    last = Number(line)
    if (last - first + 1 === enough) child.kill('SIGKILL')
  }
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
  expect(child.signalCode).toBe('SIGKILL')
  return last
}

test('no acknowledged row is lost when the process is killed in the middle of writing, five times', async () => {
  const folder = await embeddedFolder()
  let last = 0
  for (const enough of [1, 7, 20, 40, 12]) last = await writeUntilKilled(folder, last + 1, enough)
  expect(last).toBeGreaterThanOrEqual(80)

  const { prisma, close } = await openDatabase({ folder })
  const events = await prisma.runEvent.findMany({ orderBy: { seq: 'asc' } })
  const found = new Set(events.map(({ seq }) => seq))
  expect(Array.from({ length: last }, (_, i) => i + 1).filter((seq) => !found.has(seq))).toEqual([])
  // A transaction is there wholly or not at all: each event has its 50 points, and there are no others.
  const points = await prisma.lossPoint.groupBy({ by: ['runId', 'seq'], _count: true })
  expect(points.length).toBe(events.length)
  expect(points.filter(({ _count }) => _count !== 50)).toEqual([])
  // The next run has the next number, however its predecessors ended.
  const runs = await prisma.trainingRun.findMany({ orderBy: { number: 'asc' } })
  expect(runs.map(({ number }) => number)).toEqual([1, 2, 3, 4, 5])
  await close()
})

test('a lock file that a power cut has left empty refuses no start', async () => {
  const folder = await embeddedFolder()
  writeFileSync(join(folder, 'postmaster.pid'), '')
  const { prisma, close } = await openDatabase({ folder })
  expect(await prisma.trainingRun.count()).toBe(0)
  await close()
})
