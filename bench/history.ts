/**
 * What the history of a long run costs, beside the plain way to have it. Ends with 1 where 1,000 points of a run take
 * 100 ms or more.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openDatabase } from '../src/db/client.ts'
import type { PrismaClient } from '../src/db/generated/client.ts'
import type { HistoryView } from '../src/runs/history/attempts.ts'
import { defineBench, UsageError } from './lib/bench.ts'
import { createRun, type LongRun, openRuns } from './lib/history-run.ts'
import { measureAppends } from './lib/history-writes.ts'
import { type BenchServer, withServer } from './lib/server.ts'
import { median } from './lib/statistics.ts'

const MAX_POINTS = 1000
const LIMIT_MS = 100
const ROUNDS = 21
const WARM_UP = 5
const BASELINE_ROUNDS = 3
const EVENTS = 10_000
const POINTS_PER_EVENT = 10

export const bench = defineBench({
  measures: 'milliseconds of reading a million loss points, events/s of a replay, appends/s',
  takes: '3 minutes',
  needs: null,
  options: { points: 'how many loss points the run has (1000000)' },
  async run({ points = '1000000' }) {
    const steps = Number(points)
    if (!(Number.isInteger(steps) && steps >= MAX_POINTS)) {
      throw new UsageError(`--points: ${points} is not a whole number from ${MAX_POINTS} on.`)
    }
    const dataDir = await mkdtemp(join(tmpdir(), 'vggzoo-bench-'))
    try {
      const database = await openDatabase({ folder: join(dataDir, 'database') })
      const begun = performance.now()
      const long = await createRun(database.prisma, threeAttempts(steps))
      console.log(
        `a run of ${steps} steps, ${long.points} loss points of 3 attempts, written in ${seconds(begun)} s\n`,
      )
      await inProcess(database.prisma, dataDir, long)
      await replay(database.prisma, dataDir)
      await measureAppends(database.prisma)
      await database.close()
      await withServer({ dataDir, dataset: false }, (server) => overHttp(server, long))
    } finally {
      await rm(dataDir, { recursive: true, force: true })
    }
  },
})

/** Each went on from a checkpoint of the one before, at steps where no bucket ends. */
function threeAttempts(steps: number): LongRun['attempts'] {
  const at = (part: number) => Math.round(steps * part)
  return [
    { from: 0, to: at(0.4) },
    { from: at(0.350123), to: at(0.7) },
    { from: at(0.650321), to: steps },
  ]
}

async function inProcess(prisma: PrismaClient, dataDir: string, run: LongRun): Promise<void> {
  const runs = openRuns(prisma, dataDir)
  const query = (view: HistoryView, maxPoints: number | null, afterStep = 0) => {
    return runs.losses(run.id, { view, maxPoints, afterStep })
  }
  const baseline = await timed(BASELINE_ROUNDS, () => groupAll(prisma, run))
  heading(`${MAX_POINTS} points, thinned by`)
  row('the database, from every point', baseline, baseline)
  judge('the run service', await timed(ROUNDS, () => query('EFFECTIVE', MAX_POINTS)), baseline)
  judge('the run service, RAW', await timed(ROUNDS, () => query('RAW', MAX_POINTS)), baseline)
  judge(
    'the run service, behind a third',
    await timed(ROUNDS, () => query('EFFECTIVE', MAX_POINTS, Math.round(run.steps / 3))),
    baseline,
  )
  row('the run service, 10,000 points', await timed(ROUNDS, () => query('EFFECTIVE', 10_000)), baseline)
  row('nothing: the first 10,000 points', await timed(ROUNDS, () => query('EFFECTIVE', null)), baseline)
  console.log('')
  await runs.close()
}

/** The plain way: every effective point into one of as many buckets as make up the answer, then the points of these. */
async function groupAll(prisma: PrismaClient, { id, steps }: LongRun): Promise<unknown[]> {
  const width = 2 ** Math.ceil(Math.log2((3 * steps) / MAX_POINTS))
  return prisma.$queryRaw`
    WITH "part" AS (
      SELECT "attempt", coalesce(min("fromStep") OVER (ORDER BY "attempt" ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING),
        2147483647) AS "to" FROM "RunAttempt" WHERE "runId" = ${id}
    ), "effective" AS (
      SELECT p.* FROM "LossPoint" p JOIN "part" USING ("attempt") WHERE p."runId" = ${id} AND p."step" <= "part"."to"
    ), "bucket" AS (
      SELECT min(ARRAY["loss", "step"]) AS "least", max(ARRAY["loss", -"step"]) AS "greatest", max("step") AS "last"
      FROM "effective" GROUP BY ("step" - 1) / ${width}::int
    )
    SELECT * FROM "effective" WHERE "step" IN (
      SELECT "last" FROM "bucket" UNION SELECT "least"[2]::int FROM "bucket" UNION SELECT -"greatest"[2]::int FROM "bucket"
    ) ORDER BY "step"`
}

async function replay(prisma: PrismaClient, dataDir: string): Promise<void> {
  const run = await createRun(prisma, [{ from: 0, to: EVENTS * POINTS_PER_EVENT }], POINTS_PER_EVENT)
  const runs = openRuns(prisma, dataDir)
  const select = await timed(BASELINE_ROUNDS, async () => {
    await prisma.runEvent.findMany({ where: { runId: run.id }, orderBy: { seq: 'asc' } })
    await prisma.lossPoint.findMany({ where: { runId: run.id }, orderBy: [{ seq: 'asc' }, { step: 'asc' }] })
  })
  const follow = await timed(BASELINE_ROUNDS, async () => {
    let events = 0
    for await (const _ of await runs.follow(run.id, 0)) events += 1
    if (events !== run.events) throw new Error(`${events} events instead of ${run.events}`)
  })
  heading(`a log of ${run.events} events with ${run.points} points`)
  row('two SELECTs, all in memory at once', select, select)
  row(`replayed: ${perSecond(run.events, follow)} events/s`, follow, select)
  console.log('')
  await runs.close()
}

async function overHttp(server: BenchServer, { id }: LongRun): Promise<void> {
  const query = `query ($id: ID!) { trainingRun(id: $id) {
    losses(maxPoints: ${MAX_POINTS}) { step epoch loss nonFinite learningRate }
  } }`
  const variables = { id: Buffer.from(`TrainingRun:${id}`).toString('base64') }
  const plain = await timed(ROUNDS, () =>
    server.query(query.replace(/losses[^}]*\}/, 'progress { step }'), variables),
  )
  heading('GraphQL over HTTP')
  row('how far the run is', plain, plain)
  judge(`${MAX_POINTS} points`, await timed(ROUNDS, () => server.query(query, variables)), plain)
}

/** Milliseconds, the median behind a warm-up for caches and compilers. */
async function timed(rounds: number, work: () => Promise<unknown>): Promise<number> {
  for (let round = 0; round < Math.min(rounds, WARM_UP); round++) await work()
  const times: number[] = []
  for (let round = 0; round < rounds; round++) {
    const begun = performance.now()
    await work()
    times.push(performance.now() - begun)
  }
  return median(times)
}

function heading(what: string): void {
  console.log(`${what.padEnd(44)}    median  of baseline`)
}

function row(what: string, milliseconds: number, baseline: number, verdict = ''): void {
  const ratio = (milliseconds / baseline).toPrecision(2)
  console.log(
    `  ${what.padEnd(42)} ${milliseconds.toFixed(1).padStart(7)} ms  ${ratio.padStart(8)} x${verdict}`,
  )
}

function judge(what: string, milliseconds: number, baseline: number): void {
  const within = milliseconds < LIMIT_MS
  if (!within) process.exitCode = 1
  row(what, milliseconds, baseline, within ? `  under ${LIMIT_MS} ms` : `  NOT UNDER ${LIMIT_MS} ms`)
}

function perSecond(count: number, milliseconds: number): number {
  return Math.round((count * 1000) / milliseconds)
}

function seconds(begun: number): string {
  return ((performance.now() - begun) / 1000).toFixed(0)
}
