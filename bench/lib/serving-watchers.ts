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
const SECONDS = 6
const ROUNDS = 3
const RUNS = 100

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
    await measureBesideMercurius(watchers)
    await measureManyRuns(watchers)
  })
}

/** A server that is measured. */
interface Measured {
  pid: number
  /** Of its WebSocket. */
  url: string
}

async function measureBesideMercurius(watchers: Watchers): Promise<void> {
  const rehearsal = { imagesPerSecond: EVENTS_PER_SECOND * RUN.batchSize, pace: 1 }
  await withServer({ dataset: true, rehearsal }, async (server) => {
    const id = await startRun(server, RUN)
    await withProcess('mercurius-process.ts', [1000 / EVENTS_PER_SECOND], async (mercurius) => {
      const measured = { pid: server.pid, url: `${server.url.replace('http', 'ws')}/graphql` }
      const before = memoryOf(measured.pid)
      const ours: (Round & { idle: number })[] = []
      const theirs: Round[] = []
      for (let round = 0; round < ROUNDS; round++) {
        theirs.push(await attached(watchers, mercurius, [{ query: MERCURIUS_QUERY, variables: { id } }]))
        // The first begin with what already happened, the others where it is now.
        const after = round === 0 ? undefined : await newest(server, id)
        const idle = await cpuWithout(measured.pid)
        const watched = [{ query: QUERY, variables: { id, after } }]
        ours.push({ idle, ...(await attached(watchers, measured, watched)) })
      }
      const p99 = ({ latencies }: Round) => quantile(latencies, 0.99)
      const cost = ({ cpu, messages }: Round) => cpu / messages
      const costOfMercurius = median(theirs.map(cost))
      heading(`${WATCHERS} subscribers of one run, ${EVENTS_PER_SECOND} events a second`)
      const more = ours.map((it) => cost({ ...it, cpu: it.cpu - it.idle }))
      judge(
        'CPU a message, beside what the run itself costs',
        median(more),
        MOST_OF_MERCURIUS * costOfMercurius,
        'us',
      )
      note('with that, as it writes its events', median(ours.map(cost)), 'us')
      note('mercurius, which writes none', costOfMercurius, 'us')
      judge('event to client, p99', median(ours.map(p99)), LATENCY_MS, 'ms')
      note('mercurius', median(theirs.map(p99)), 'ms')
      judge('attached at once, until all are live', median(ours.map((it) => it.liveMs)), LIVE_MS, 'ms')
      note('the first, with all that happened', ours[0]!.liveMs, 'ms')
      note('mercurius', median(theirs.map((it) => it.liveMs)), 'ms')
      judge('memory more, at most', ours[0]!.peak - before, MEMORY_MIB, 'MiB')
    })
  })
}

/** Runs that only tell: a database that writes what a hundred of them do would have nothing left for those who watch. */
async function measureManyRuns(watchers: Watchers): Promise<void> {
  const costs: { one: number[]; many: number[] } = { one: [], many: [] }
  const everyMs = 1000 / EVENTS_PER_SECOND
  await withProcess('watched-process.ts', [1, everyMs], (one) =>
    withProcess('watched-process.ts', [RUNS, everyMs], async (many) => {
      for (let round = 0; round < ROUNDS; round++) {
        for (const [name, server, runs] of [
          ['one', one, 1],
          ['many', many, RUNS],
        ] as const) {
          const ids = Array.from({ length: runs }, (_, i) =>
            Buffer.from(`TrainingRun:${i}`).toString('base64'),
          )
          const watched = ids.map((id) => ({ query: QUERY, variables: { id } }))
          const idle = await cpuWithout(server.pid)
          const { cpu, messages } = await attached(watchers, server, watched)
          costs[name].push((cpu - idle) / messages)
        }
      }
    }),
  )
  heading(`${RUNS} runs with ${WATCHERS / RUNS} subscribers each, ${EVENTS_PER_SECOND} events a second`)
  judge(
    'CPU a message, beside what the runs themselves cost',
    median(costs.many),
    MOST_OF_ONE_RUN * median(costs.one),
    'us',
  )
  note(`one run with ${WATCHERS}`, median(costs.one), 'us')
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

/** What it costs as long as nobody watches. */
async function cpuWithout(pid: number): Promise<number> {
  const before = cpuOf(pid)
  await setTimeout(1000 * SECONDS)
  return cpuOf(pid) - before
}

async function newest(server: BenchServer, id: string): Promise<string> {
  const began = Date.now()
  for await (const { trainingRunEvents: event } of server.watch(QUERY, { id })) {
    if (Date.parse(event.at) >= began) return event.cursor
  }
  throw new Error('The run has ended.')
}

/** A process of this folder that says where it listens. */
async function withProcess(
  name: string,
  args: readonly number[],
  work: (server: Measured) => Promise<void>,
): Promise<void> {
  // As the server runs, and mercurius is to be at its best: graphql-js checks less.
  const env = { ...process.env, NODE_ENV: 'production' }
  const child = fork(compileProcess(name), args.map(String), { env })
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
