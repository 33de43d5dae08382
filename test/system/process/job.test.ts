import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, expect, test } from 'vitest'
import type { Measurement } from '../../../src/ports/telemetry.ts'
import { type Job, JobError, runJob } from '../../../src/process/job.ts'

type Message = { type: 'news'; of: unknown } | { type: 'answer'; value: unknown }

const folder = mkdtempSync(join(tmpdir(), 'vggzoo-job-'))
afterAll(() => rmSync(folder, { recursive: true }))
let files = 0

/** Has a Node process run this code when it gets its task, with `say` to answer by. */
function run(code: string, options: Partial<Job<object>> = {}, signal = new AbortController().signal) {
  const file = join(folder, `${files++}.mjs`)
  writeFileSync(
    file,
    `const say = (message) => new Promise((sent) => process.send(message, sent))
     process.once('message', async (task) => {
       ${code}
     })`,
  )
  const news: unknown[] = []
  const entry = pathToFileURL(file)
  const job = {
    name: 'conversion' as const,
    entry,
    task: {},
    what: 'is being tested',
    onOutput() {},
    ...options,
  }
  const answer = runJob<object, Message, 'news'>(job, { news: ({ of }) => void news.push(of) }, signal)
  return { answer, news }
}

const failure = (work: Promise<unknown>): Promise<Error> =>
  work.then(
    () => Promise.reject(new Error('it did not fail')),
    (error: Error) => error,
  )

test('a job has the answer of its process, and its news on the way', async () => {
  const { answer, news } = run(
    `await say({ type: 'news', of: 1 }); await say({ type: 'news', of: 2 }); await say({ type: 'answer', value: task }); process.exit()`,
    { task: { bytes: new Uint8Array([1, 2]) } },
  )
  expect(await answer).toEqual({ type: 'answer', value: { bytes: new Uint8Array([1, 2]) } })
  expect(news).toEqual([1, 2])
})

test('the last of several answers counts', async () => {
  const { answer } = run(`for (const value of [1, 2]) await say({ type: 'answer', value }); process.exit()`)
  expect(await answer).toMatchObject({ value: 2 })
})

test('lines that the process prints come with its process id', async () => {
  const lines: [string, number | undefined][] = []
  const { answer } = run(
    `console.log('hello'); await say({ type: 'answer', value: process.pid }); process.exit()`,
    {
      onOutput: (line, pid) => lines.push([line, pid]),
    },
  )
  const { value } = (await answer) as { value: number }
  expect(lines).toEqual([['hello', value]])
})

test.each([
  ['exits', 'process.exit(3)', /^The process that is being tested exited with code 3\.$/],
  ['is killed', `process.kill(process.pid, 'SIGKILL')`, /was killed by SIGKILL/],
  ['throws', `throw new Error('upside down')`, /exited with code 1.*Its last words: Error: upside down/s],
  ['tells news alone', `await say({ type: 'news', of: 1 }); process.exit()`, /exited with code 0/],
])('a process that %s has no answer, and the error says how it ended', async (_how, code, message) => {
  const error = await failure(run(code).answer)
  expect(error).toBeInstanceOf(JobError)
  expect(error.message).toMatch(message)
})

test('a process that is silent for too long is killed, and one that says something in time is not', async () => {
  const silent = await failure(run('setInterval(() => {}, 1000)', { silenceMs: 50 }).answer)
  expect(silent.message).toMatch(/said nothing for 0.05 s/)
  const { answer } = run(
    `for (const of of [1, 2, 3]) {
       await new Promise((resolve) => setTimeout(resolve, 1500))
       await say({ type: 'news', of })
     }
     await say({ type: 'answer', value: 'at last' })
     process.exit()`,
    { silenceMs: 4000 },
  )
  expect(await answer).toMatchObject({ value: 'at last' })
})

test('a signal kills the process, and the job ends with its reason when that is gone', async () => {
  const abort = new AbortController()
  let pid: number | undefined
  const { answer } = run(
    `console.log('at work'); setInterval(() => {}, 1000)`,
    {
      onOutput(_line, started) {
        pid = started
        abort.abort(new Error('nobody waits any more'))
      },
    },
    abort.signal,
  )
  expect((await failure(answer)).message).toBe('nobody waits any more')
  expect(() => process.kill(pid!, 0)).toThrow(/ESRCH/)
})

test('a signal that has come before starts no process', async () => {
  const lines: string[] = []
  const signal = AbortSignal.abort(new Error('closed'))
  // A process would say that there is no such file.
  const entry = pathToFileURL(join(folder, 'missing.mjs'))
  const { answer } = run('', { entry, onOutput: (line) => lines.push(line) }, signal)
  expect((await failure(answer)).message).toBe('closed')
  expect(lines).toEqual([])
})

test('a job is measured by its name when it has ended, and by how it did', async () => {
  const measured: Measurement[] = []
  const telemetry = { record: (measurement: Measurement) => void measured.push(measurement) }
  await run(`await say({ type: 'answer', value: 1 }); process.exit()`, { telemetry }).answer
  await failure(run('process.exit(3)', { telemetry }).answer)
  const abort = new AbortController()
  const onOutput = () => abort.abort(new Error('nobody waits any more'))
  await failure(run(`console.log('at work')`, { telemetry, onOutput }, abort.signal).answer)
  expect(measured).toEqual(
    ['answered', 'failed', 'stopped'].map((outcome) => ({
      kind: 'job',
      job: 'conversion',
      outcome,
      ms: expect.any(Number),
    })),
  )
})
