import { afterAll, expect, test } from 'vitest'
import { collectEvents, startRun } from '../../support/runs.ts'
import { startServer, stopServers, type TestServer } from '../../support/server.ts'

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

async function collectLines(server: TestServer, id: string): Promise<Line[]> {
  const lines: Line[] = []
  for await (const { data, errors } of server.subscribe(LINES, { id })) {
    if (errors !== undefined) throw new Error(errors[0].message)
    lines.push(data.runLogLines)
  }
  return lines
}

const texts = (lines: Line[]): string[] => lines.map(({ text }) => text)

test('a trainer that prints without end and dies leaves bounded output with its last words in it', async () => {
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
  // It comes by another pipe, whose end may be read before that of the noise.
  expect(texts(lines)).toContain('Error: the last words')
  expect(texts(runLog.lines)).toContain('bad\uFFFD\uFFFD')
  expect(texts(runLog.lines)).toContain('noise 99999')
  const remarks = lines.filter(({ stream }) => stream === 'SERVER')
  expect(remarks[0].text).toMatch(/^\d+ lines are left out here: they came too fast\.$/)
  const leftOut = remarks.reduce((sum, { text }) => sum + Number.parseInt(text, 10), 0)
  expect(leftOut + lines.length - remarks.length).toBe(100_002)
  expect(lines.length).toBeLessThan(10_000)
})
