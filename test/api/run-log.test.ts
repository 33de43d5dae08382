import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { collectEvents, completeRun, startRun } from '../support/runs.ts'
import { startServer, stopServers, type TestServer } from '../support/server.ts'

const LOG = `query Log($id: ID!, $after: LogCursor, $first: Int, $last: Int) {
  runLog(id: $id, after: $after, first: $first, last: $last) {
    lines { cursor number attempt at stream text }
    firstKept hasMore cursor
  }
}`
const LINES = `subscription Lines($id: ID!, $after: LogCursor) {
  runLogLines(id: $id, after: $after) { cursor number stream text }
}`

// biome-ignore lint/suspicious/noExplicitAny: the shape is that of the query
type Line = any

afterAll(stopServers)

async function collectLines(server: TestServer, id: string, after?: string): Promise<Line[]> {
  const lines: Line[] = []
  for await (const { data, errors } of server.subscribe(LINES, { id, after })) {
    if (errors !== undefined) throw new Error(errors[0].message)
    lines.push(data.runLogLines)
  }
  return lines
}

const texts = (lines: Line[]): string[] => lines.map(({ text }) => text)

describe('the log of a run', () => {
  let server: TestServer
  let id: string
  beforeAll(async () => {
    server = await startServer()
    id = await completeRun(server, { epochs: 2 })
  })

  test('says in a few lines on what, with what and how well it trained', async () => {
    const { runLog } = await server.query(LOG, { id })
    expect(texts(runLog.lines)).toEqual([
      expect.stringMatching(new RegExp(`^Engine: ${await server.engineKind()} on \\S`)),
      'Data set: 64 of 50,000 training and 32 of 10,000 test images of 32x32x3',
      expect.stringMatching(/^Network: vgg_mini with [\d,]+ parameters; 8 steps in 2 epochs$/),
      expect.stringMatching(
        /^Epoch 1 of 2: training loss \d\.\d{4}, \d+\.\d\d % right; test loss .+ % right; \d+\.\d s$/,
      ),
      expect.stringMatching(/^Epoch 2 of 2: /),
    ])
    expect(runLog).toMatchObject({ firstKept: 1, hasMore: false, cursor: runLog.lines[4].cursor })
    expect(runLog.lines[0]).toMatchObject({ number: 1, attempt: 1, stream: 'STDOUT' })
    expect(Date.parse(runLog.lines[0].at)).toBeGreaterThan(Date.now() - 600_000)
  })

  test('is read in pages from its beginning, or from its end', async () => {
    const all = (await server.query(LOG, { id })).runLog.lines
    const first = (await server.query(LOG, { id, first: 2 })).runLog
    expect(first).toMatchObject({ lines: all.slice(0, 2), hasMore: true })
    const second = (await server.query(LOG, { id, first: 3, after: first.lines[1].cursor })).runLog
    expect(second).toMatchObject({ lines: all.slice(2), hasMore: false })
    expect((await server.query(LOG, { id, last: 1 })).runLog.lines).toEqual(all.slice(-1))
  })

  test('is streamed from any of its lines, and the stream ends with the run', async () => {
    const all = await collectLines(server, id)
    expect(all.map(({ number }) => number)).toEqual([1, 2, 3, 4, 5])
    expect(await collectLines(server, id, all[3].cursor)).toEqual(all.slice(4))
    const next = await startRun(server)
    expect(texts(await collectLines(server, next)).at(-1)).toMatch(/^Epoch 1 of 1: /)
  })

  test('has an answer to every wrong question', async () => {
    const code = async (variables: object) =>
      (await server.execute(LOG, { id, ...variables })).errors?.[0].extensions?.code
    expect(await code({ first: 0 })).toBe('BAD_USER_INPUT')
    expect(await code({ last: 1001 })).toBe('BAD_USER_INPUT')
    expect(await code({ first: 1, last: 1 })).toBe('BAD_USER_INPUT')
    const { trainingRun } = await server.query('query ($id: ID!) { trainingRun(id: $id) { cursor } }', { id })
    const event = await server.execute(LOG, { id, after: trainingRun.cursor })
    expect(event.errors?.[0].message).toMatch(/A LogCursor is the `cursor` of a line of this API/)
    const nobody = Buffer.from('TrainingRun:nobody').toString('base64')
    expect(await server.query(LOG, { id: nobody })).toEqual({ runLog: null })
    const refused = (await server.subscribe(LINES, { id: nobody }).next()).value
    expect(refused?.errors?.[0].extensions?.code).toBe('NOT_FOUND')
  })
})

test('a trainer that prints without end and dies leaves a bounded log with its last words in it', async () => {
  // Runs before the trainer's own code, in the trainer alone.
  const preload = `if (process.argv[1].endsWith('trainer-process.js')) process.once('message', () => {
    const { writeSync } = process.getBuiltinModule('node:fs')
    for (let i = 0; i < 100000; i++) writeSync(1, 'noise ' + i + '\\n')
    writeSync(1, Buffer.from([0x62, 0x61, 0x64, 0x00, 0xff, 0x0a]))
    writeSync(2, 'Error: the last words')
    process.exit(3)
  })`
  const NODE_OPTIONS = `--import=data:text/javascript,${encodeURIComponent(preload)}`
  const server = await startServer({ env: { NODE_OPTIONS, AUTO_RESUME: 'false' } })
  const id = await startRun(server)
  const lines = await collectLines(server, id)
  expect((await collectEvents(server, id)).at(-1)).toMatchObject({
    status: 'FAILED',
    failure: { message: expect.stringMatching(/the last words/) },
  })
  const { runLog } = await server.query(LOG, { id, last: 100 })
  expect(texts(runLog.lines)).toContain('Error: the last words')
  expect(texts(runLog.lines)).toContain('bad\uFFFD\uFFFD')
  expect(texts(runLog.lines)).toContain('noise 99999')
  const remarks = lines.filter(({ stream }) => stream === 'SERVER')
  expect(remarks[0].text).toMatch(/^\d+ lines are left out here: they came too fast\.$/)
  const leftOut = remarks.reduce((sum, { text }) => sum + Number.parseInt(text, 10), 0)
  expect(leftOut + lines.length - remarks.length).toBe(100_002)
  expect(lines.length).toBeLessThan(10_000)
})
