/** What it costs the server that many watch: beside mercurius, in turns, with the same events as often. */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { setTimeout } from 'node:timers/promises'
import { heading, judge, note } from './budget.ts'
import { compileProcess } from './compile.ts'
import { type BenchServer, withServer } from './server.ts'
import { median, quantile } from './statistics.ts'
import { startRun } from './training-runs.ts'
import { type Watched, type Watchers, withWatchers } from './watchers.ts'

const WATCHERS = 1000
const EVENTS_PER_SECOND = 6
/** A point a step, and a step at each event. */
const RUN = { architecture: 'vgg_mini', epochs: 1000, batchSize: 128, logEvery: 1 }
const SECONDS = 8
const ROUNDS = 3
/** Each with as many watchers as there are for each; slower, or the database would have nothing left for them. */
const RUNS = 100
const EVENTS_PER_SECOND_OF_MANY = 2

const MOST_OF_MERCURIUS = 0.5
const LATENCY_MS = 250
const LIVE_MS = 3000
const MEMORY_MIB = 200
const MOST_OF_ONE_RUN = 2

const EVENT = `{
  __typename
  ... on RunEvent { cursor at }
  ... on LossPoints { points { step epoch loss learningRate imagesPerSecond } }
}`
const QUERY = `subscription ($id: ID!, $after: Cursor) { trainingRunEvents(id: $id, after: $after) ${EVENT} }`
const MERCURIUS_QUERY = `subscription ($id: ID!) { trainingRunEvents(id: $id) ${EVENT} }`

export async function measureWatchers(): Promise<void> {
  await withWatchers(async (watchers) => {
    const one = await measureOneRun(watchers)
    await measureManyRuns(watchers, one)
  })
}

/** A server that is measured. */
interface Measured {
  pid: number
  /** Of its WebSocket. */
  url: string
}

/** @returns microseconds of CPU a message */
async function measureOneRun(watchers: Watchers): Promise<number> {
  const rehearsal = { imagesPerSecond: EVENTS_PER_SECOND * RUN.batchSize, pace: 1 }
  let ours = 0
  await withServer({ dataset: true, rehearsal }, async (server) => {
    const id = await startRun(server, RUN)
    await withMercurius(async (mercurius) => {
      const measured = measuredOf(server)
      const idle = await cpuPerSecond(measured.pid)
      const before = memoryOf(measured.pid)
      const first = await attached(watchers, measured, [{ query: QUERY, variables: { id } }])
      const rounds = [first]
      const theirs = []
      for (let round = 0; round < ROUNDS; round++) {
        theirs.push(await attached(watchers, mercurius, [{ query: MERCURIUS_QUERY, variables: { id } }]))
        rounds.push(
          await attached(watchers, measured, [
            { query: QUERY, variables: { id, after: await newest(server, id) } },
          ]),
        )
      }
      ours = median(rounds.map(({ cpu, messages }) => (cpu - idle * SECONDS) / messages))
      const mercuriusCpu = median(theirs.map(({ cpu, messages }) => cpu / messages))
      heading(`${WATCHERS} subscribers of one run, ${EVENTS_PER_SECOND} events a second`)
      judge('CPU a message', ours, MOST_OF_MERCURIUS * mercuriusCpu, 'us')
      note('with what the run itself costs', median(rounds.map(({ cpu, messages }) => cpu / messages)), 'us')
      note('mercurius', mercuriusCpu, 'us')
      judge(
        'event to client, p99',
        median(rounds.map((it) => quantile(it.latencies, 0.99))),
        LATENCY_MS,
        'ms',
      )
      note('event to client, p50', median(rounds.map((it) => quantile(it.latencies, 0.5))), 'ms')
      note('mercurius, p99', median(theirs.map((it) => quantile(it.latencies, 0.99))), 'ms')
      judge('attached at once, until all are live', Math.max(...rounds.map((it) => it.liveMs)), LIVE_MS, 'ms')
      note('mercurius', median(theirs.map((it) => it.liveMs)), 'ms')
      judge('memory more, at most', first.peak - before, MEMORY_MIB, 'MiB')
    })
  })
  return ours
}

async function measureManyRuns(watchers: Watchers, one: number): Promise<void> {
  const rehearsal = { imagesPerSecond: EVENTS_PER_SECOND_OF_MANY * RUN.batchSize, pace: 1, runs: RUNS }
  await withServer({ dataset: true, rehearsal }, async (server) => {
    const ids: string[] = []
    while (ids.length < RUNS) ids.push(await startRun(server, RUN))
    const measured = measuredOf(server)
    const watched = ids.map((id) => ({ query: QUERY, variables: { id } }))
    const costs: number[] = []
    for (let round = 0; round < ROUNDS; round++) {
      const idle = await cpuPerSecond(measured.pid)
      const { cpu, messages } = await attached(watchers, measured, watched)
      costs.push((cpu - idle * SECONDS) / messages)
    }
    heading(
      `${RUNS} runs with ${WATCHERS / RUNS} subscribers each, ${EVENTS_PER_SECOND_OF_MANY} events a second`,
    )
    judge('CPU a message', median(costs), MOST_OF_ONE_RUN * one, 'us')
  })
}

interface Round {
  /** Microseconds of the server, of all cores. */
  cpu: number
  messages: number
  latencies: number[]
  liveMs: number
  /** MiB, while they attached and watched. */
  peak: number
}

/** Attaches all at once, watches for a while, and leaves. */
async function attached(
  watchers: Watchers,
  { pid, url }: Measured,
  watched: readonly Watched[],
): Promise<Round> {
  let peak = 0
  const sampling = setInterval(() => {
    peak = Math.max(peak, memoryOf(pid))
  }, 50)
  const liveMs = await watchers.attach(url, watched, WATCHERS)
  await setTimeout(1000)
  await watchers.report()
  const before = cpuOf(pid)
  await setTimeout(1000 * SECONDS)
  const cpu = cpuOf(pid) - before
  const { messages, latencies } = await watchers.report()
  clearInterval(sampling)
  await watchers.leave()
  await setTimeout(500)
  return { cpu, messages, latencies, liveMs, peak }
}

async function cpuPerSecond(pid: number): Promise<number> {
  await setTimeout(2000)
  const before = cpuOf(pid)
  await setTimeout(1000 * SECONDS)
  return (cpuOf(pid) - before) / SECONDS
}

function measuredOf({ pid, url }: BenchServer): Measured {
  return { pid, url: `${url.replace('http', 'ws')}/graphql` }
}

async function newest(server: BenchServer, id: string): Promise<string> {
  const began = Date.now()
  for await (const { trainingRunEvents: event } of server.watch(QUERY, { id })) {
    if (Date.parse(event.at) >= began) return event.cursor
  }
  throw new Error('The run has ended.')
}

async function withMercurius(work: (server: Measured) => Promise<void>): Promise<void> {
  const child = fork(compileProcess('mercurius-process.ts'), [String(1000 / EVENTS_PER_SECOND)])
  const exited = once(child, 'exit')
  try {
    const [{ url }] = (await once(child, 'message')) as [{ url: string }]
    await work({ pid: child.pid!, url })
  } finally {
    child.kill()
    await exited
  }
}

/** Microseconds that a process has computed, its threads' and the kernel's for it. */
function cpuOf(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ')
  // A tick is a hundredth of a second on every Linux (proc(5)).
  return (Number(fields[11]) + Number(fields[12])) * 10_000
}

/** Resident, in MiB. */
function memoryOf(pid: number): number {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1]) / 1024
}
