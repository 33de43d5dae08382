import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { completeRun, startRun } from '../support/runs.ts'
import { sharedServer, stopServers, type TestServer } from '../support/server.ts'

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
    server = await sharedServer()
    id = await completeRun(server, { epochs: 2 })
  })

  test('says in a few lines on what, with what and how well it trained', async () => {
    const { runLog } = await server.query(LOG, { id })
    expect(texts(runLog.lines)).toEqual([
      expect.stringMatching(new RegExp(`^Engine: ${await server.engineKind()} on \\S`)),
      'Data set: 64 of 240 training and 32 of 60 test images of 16x24x3',
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
