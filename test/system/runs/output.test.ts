import { pino } from 'pino'
import { describe, expect, test } from 'vitest'
import { createBus } from '../../../src/adapters/local/bus.ts'
import { NO_TELEMETRY } from '../../../src/adapters/local/telemetry.ts'
import { NO_TRACING } from '../../../src/adapters/local/tracing.ts'
import { NotFoundError, ValidationError } from '../../../src/errors.ts'
import { createJournal } from '../../../src/runs/journal/journal.ts'
import type { RunEvent } from '../../../src/runs/model/events.ts'
import { MAX_LINES, type OutputLine } from '../../../src/runs/output/line.ts'
import { createRunOutput } from '../../../src/runs/output/output.ts'
import { RUN_ROW, useDatabase } from '../../support/database.ts'
import { seededRandom } from '../../support/random.ts'

const db = useDatabase()
const silent = pino({ level: 'silent' })

async function createRun() {
  const events = createBus<RunEvent>()
  const journal = createJournal(db.prisma, events, createBus<string>(), NO_TELEMETRY, NO_TRACING)
  const output = createRunOutput(db.prisma, events, createBus(), journal)
  const { id } = await db.prisma.trainingRun.create({
    data: RUN_ROW,
  })
  await journal.transition(id, 'PREPARING', { patch: { attempt: 1 } })
  await journal.transition(id, 'RUNNING')
  const open = (attempt = 1, logger = silent) => output.open({ id, attempt }, logger)
  /** Writes these lines to the end. */
  const print = async (lines: string[], attempt = 1) => {
    const writer = open(attempt)
    for (const line of lines) writer.push(line, 'STDOUT')
    await writer.close()
  }
  const all = async () => (await output.page(id, { after: 0, first: MAX_LINES * 2 }))!
  return { id, journal, events, output, open, print, all, end: () => journal.transition(id, 'COMPLETED') }
}

const texts = (lines: OutputLine[]) => lines.map(({ text }) => text)
const counted = (n: number) => Array.from({ length: n }, (_, i) => `line ${i + 1}`)

async function collect(stream: AsyncIterable<OutputLine>): Promise<OutputLine[]> {
  const lines: OutputLine[] = []
  for await (const line of stream) lines.push(line)
  return lines
}

describe('what a trainer prints', () => {
  test('is kept line by line, numbered over all attempts, with where and when it was printed', async () => {
    const run = await createRun()
    const writer = run.open()
    writer.push('training', 'STDOUT')
    writer.push('trouble', 'STDERR')
    await writer.close()
    await run.print(['again'], 2)
    expect((await run.all()).lines).toEqual([
      { number: 1, attempt: 1, at: expect.any(Date), stream: 'STDOUT', text: 'training' },
      { number: 2, attempt: 1, at: expect.any(Date), stream: 'STDERR', text: 'trouble' },
      { number: 3, attempt: 2, at: expect.any(Date), stream: 'STDOUT', text: 'again' },
    ])
  })

  test('may have characters that the database cannot hold, and any that JSON has to escape', async () => {
    const run = await createRun()
    await run.print(['a\0b', '"\\\u2028\u0007\u001b[31m😀'])
    expect(texts((await run.all()).lines)).toEqual(['a\uFFFDb', '"\\\u2028\u0007\u001b[31m😀'])
  })

  test('can be read from either end and from any line', async () => {
    const run = await createRun()
    await run.print(counted(10))
    const page = async (query: Parameters<typeof run.output.page>[1]) =>
      texts((await run.output.page(run.id, query))!.lines)
    expect(await page({ after: 0, first: 3 })).toEqual(['line 1', 'line 2', 'line 3'])
    expect(await page({ after: 8, first: 3 })).toEqual(['line 9', 'line 10'])
    expect(await page({ after: 0, last: 2 })).toEqual(['line 9', 'line 10'])
    expect(await page({ after: 9, last: 2 })).toEqual(['line 10'])
    expect(await run.output.page('nobody', { after: 0, first: 1 })).toBeNull()
  })

  test('goes with the run', async () => {
    const run = await createRun()
    await run.print(counted(3))
    await db.prisma.trainingRun.delete({ where: { id: run.id } })
    expect(await db.prisma.runOutputLine.count({ where: { runId: run.id } })).toBe(0)
  })
})

describe('a trainer that prints without end', () => {
  test('leaves out the oldest of what comes too fast, says how many, and its last words are kept', async () => {
    const run = await createRun()
    const logged: string[] = []
    const writer = run.open(1, pino({}, { write: (line: string) => void logged.push(line) }))
    for (const line of counted(100_000)) writer.push(line, 'STDOUT')
    await writer.close()
    const { lines } = await run.all()
    expect(lines[0]).toMatchObject({
      stream: 'SERVER',
      text: '99500 lines are left out here: they came too fast.',
    })
    expect(texts(lines.slice(1))).toEqual(counted(100_000).slice(-500))
    expect(logged).toHaveLength(500)
  })

  test('holds no more characters than lines allow, however long they are', async () => {
    const run = await createRun()
    const writer = run.open()
    for (let i = 0; i < 300; i++) writer.push(`${i} ${'x'.repeat(4000)}`, 'STDERR')
    await writer.close()
    const { lines } = await run.all()
    expect(lines.reduce((sum, { text }) => sum + text.length, 0)).toBeLessThan(270_000)
    expect(lines.at(-1)?.text).toMatch(/^299 x/)
  })

  test('keeps its newest lines, and the answer says which is the first of them', async () => {
    const run = await createRun()
    const at = new Date()
    await db.prisma.runOutputLine.createMany({
      data: counted(MAX_LINES).map((text, i) => {
        return { runId: run.id, number: i + 1, attempt: 1, at, stream: 'STDOUT' as const, text }
      }),
    })
    expect(await run.all()).toMatchObject({ firstKept: 1, newest: MAX_LINES })
    await run.print(['one more', 'and one more'], 2)
    const { lines, ...ends } = await run.all()
    expect(ends).toEqual({ firstKept: 3, newest: MAX_LINES + 2 })
    expect(lines).toHaveLength(MAX_LINES)
    expect(lines.at(-1)?.text).toBe('and one more')
  })
})

test('a database that takes no lines costs the run its output and nothing else', async () => {
  const run = await createRun()
  const logged: { msg: string }[] = []
  const writer = run.output.open(
    { id: 'nobody', attempt: 1 },
    pino({ level: 'error' }, { write: (line: string) => void logged.push(JSON.parse(line)) }),
  )
  writer.push('lost', 'STDOUT')
  await writer.close()
  expect(logged).toMatchObject([{ msg: 'lines of the trainer could not be kept' }])
})

describe('following what a trainer prints', () => {
  test('from any line, begun at any moment, gives each later line exactly once and in order', async () => {
    const run = await createRun()
    const random = seededRandom(3)
    const followers: { after: number; lines: Promise<OutputLine[]> }[] = []
    let printed = 0
    for (let round = 0; round < 30; round++) {
      const count = 1 + Math.floor(random() * 20)
      const printing = run.print(counted(printed + count).slice(printed))
      const after = Math.floor(random() * printed)
      if (random() < 0.5) await printing
      followers.push({ after, lines: run.output.follow(run.id, after).then(collect) })
      await printing
      printed += count
    }
    await run.end()
    for (const { after, lines } of followers)
      expect(texts(await lines)).toEqual(counted(printed).slice(after))
    expect(run.events.listenerCount).toBe(0)
  })

  test('of a run that has ended gives its lines and ends', async () => {
    const run = await createRun()
    await run.print(counted(250))
    await run.end()
    expect(texts(await collect(await run.output.follow(run.id, 0)))).toEqual(counted(250))
    expect(await collect(await run.output.follow(run.id, 250))).toEqual([])
  })

  test('ends with the run also when nothing was ever printed', async () => {
    const run = await createRun()
    const lines = run.output.follow(run.id, 0).then(collect)
    await run.end()
    expect(await lines).toEqual([])
  })

  test('is left at once, also while it waits for a line', async () => {
    const run = await createRun()
    await run.print(['only'])
    const stream = await run.output.follow(run.id, 0)
    expect((await stream.next()).value).toMatchObject({ text: 'only' })
    const waiting = stream.next()
    expect(run.events.listenerCount).toBe(1)
    await stream.return?.()
    expect((await waiting).done).toBe(true)
    expect(run.events.listenerCount).toBe(0)
  })

  test('needs a run, and a place that it has reached', async () => {
    const run = await createRun()
    await run.print(['only'])
    await expect(run.output.follow('nobody', 0)).rejects.toThrow(NotFoundError)
    await expect(run.output.follow(run.id, 2)).rejects.toThrow(ValidationError)
  })
})
