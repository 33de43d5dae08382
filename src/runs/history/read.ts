import type { LossBucket, Prisma } from '../../db/generated/client.ts'
import { sql } from '../../db/generated/internal/prismaNamespace.ts'
import { type Bucket, type Mark, nameOf, pointsOf, TOP_LEVEL, widen } from '../model/buckets.ts'
import type { RunPoint } from '../model/events.ts'
import { type Attempt, ownerOf, type Part, partsOf, piecesOf, type Range } from './attempts.ts'

type Reader = Pick<Prisma.TransactionClient, '$queryRaw'>

/** A loss history that was thinned to a number of points. */
export interface Thinned {
  /** Steps in a bucket: a power of two. */
  level: number
  /** By series, then by index. */
  buckets: Bucket<RunPoint>[]
  /** The newest event whose points are in here; null when there are none. */
  seq: number | null
}

/** Every start of the run's trainer, in order, also those from before RunAttempt: they began at step 0. */
export function readAttempts(reader: Reader, runId: string): Promise<Attempt[]> {
  return reader.$queryRaw`
    SELECT "attempt", coalesce("fromStep", 0) AS "fromStep", coalesce("last", 0) AS "last"
    FROM (SELECT "attempt", "fromStep" FROM "RunAttempt" WHERE "runId" = ${runId}) AS "started"
    FULL JOIN (
      SELECT "attempt", max("last") AS "last" FROM "LossBucket"
      WHERE "runId" = ${runId} AND "level" = ${TOP_LEVEL} GROUP BY "attempt"
    ) AS "seen" USING ("attempt")
    ORDER BY "attempt"`
}

/** The first points of a range, by step, and those of one step by attempt. */
export function readPoints(
  reader: Reader,
  runId: string,
  attempts: readonly Attempt[],
  { limit, ...range }: Range & { limit: number },
): Promise<RunPoint[]> {
  const parts = JSON.stringify(partsOf(attempts, range))
  // Each part is a walk along the primary key as far as the limit, however many points lie behind it.
  return readRunPoints(
    reader,
    sql`
    SELECT p.* FROM json_to_recordset(${parts}::json) AS part ("attempt" int, "from" int, "to" int)
    CROSS JOIN LATERAL (
      SELECT ${POINT} FROM "LossPoint"
      WHERE "runId" = ${runId} AND "attempt" = part."attempt" AND "step" > part."from" AND "step" <= part."to"
      ORDER BY "step" LIMIT ${limit}
    ) AS p ORDER BY "step", "attempt" LIMIT ${limit}`,
  )
}

/** The event with the first point behind one, in the order of the journal; null when there is none. */
export async function readNextSeq(
  reader: Reader,
  runId: string,
  { attempt, step }: Pick<Mark, 'attempt' | 'step'>,
): Promise<number | null> {
  const [next] = await reader.$queryRaw<{ seq: number }[]>`
    SELECT "seq" FROM "LossPoint"
    WHERE "runId" = ${runId} AND ("attempt", "step") > (${attempt}::int, ${step}::int)
    ORDER BY "attempt", "step" LIMIT 1`
  return next?.seq ?? null
}

/**
 * The buckets of a range with the narrowest width at which they come to at most `maxPoints` points. They lie at
 * multiples of their width, whatever the range is. A raw history has at least one bucket of up to four points for
 * each attempt.
 */
export async function readThinned(
  reader: Reader,
  runId: string,
  attempts: readonly Attempt[],
  { maxPoints, ...range }: Range & { maxPoints: number },
): Promise<Thinned> {
  const parts = partsOf(attempts, range)
  const load = async (level: number) => {
    const loaded = await readBuckets(reader, runId, parts, level, range.view === 'RAW')
    return { seq: loaded.seq, ...widen(loaded.buckets, level, maxPoints), asked: level }
  }
  let best = await load(guess(attempts, parts, maxPoints))
  // Where the guess fits at once, a narrower width may too: single steps, when there are so few points in all.
  while (best.level === best.asked && best.level > 0) {
    const count = best.buckets.reduce((sum, bucket) => sum + bucket.count, 0)
    const narrower = await load(count <= maxPoints ? 0 : best.level - 1)
    if (narrower.level > narrower.asked) {
      if (narrower.level < best.level) best = narrower
      break
    }
    best = narrower
  }
  return { level: best.level, seq: best.seq, buckets: await withPoints(reader, runId, best.buckets) }
}

/** The narrowest width at which there are not more buckets than points may be shown. */
function guess(attempts: readonly Attempt[], parts: readonly Part[], maxPoints: number): number {
  const lengths = parts.map((part) => {
    const { fromStep, last } = attempts.find(({ attempt }) => attempt === part.attempt)!
    return Math.max(0, Math.min(part.to, last) - Math.max(part.from, fromStep))
  })
  const longest = Math.max(0, ...lengths)
  let level = 0
  while (
    2 ** level < longest &&
    lengths.reduce((sum, it) => sum + Math.ceil(it / 2 ** level), 0) > maxPoints
  ) {
    level += 1
  }
  return level
}

type Row = Pick<LossBucket, 'bucket' | 'count' | 'finite' | 'sum' | 'last' | 'nonFinite'> & {
  series: number
  /** [loss, step] */
  least: [number, number] | null
  /** [loss, -step] */
  greatest: [number, number] | null
  seq: number
}

/** Buckets of a level, put together by the database from narrower ones and, at cuts, from points. */
async function readBuckets(
  reader: Reader,
  runId: string,
  parts: readonly Part[],
  level: number,
  isRaw: boolean,
): Promise<{ buckets: Bucket<Mark>[]; seq: number | null }> {
  const pieces = JSON.stringify(parts.flatMap((part) => piecesOf(part, level)))
  // OFFSET 0 keeps each piece a walk along the primary key: nothing tells the planner how few pieces there are.
  const rows = await readJson<Row>(
    reader,
    sql`
    WITH "piece" AS (
      SELECT * FROM json_to_recordset(${pieces}::json) AS t ("attempt" int, "level" int, "from" int, "to" int)
    ), "stored" AS (
      SELECT "piece"."attempt", b."bucket" << "piece"."level" AS "begin", b."count", b."finite", b."sum",
        b."min", b."minStep", b."max", b."maxStep", b."last", b."nonFinite"
      FROM "piece" CROSS JOIN LATERAL (
        SELECT * FROM "LossBucket"
        WHERE "runId" = ${runId} AND "level" = "piece"."level" AND "attempt" = "piece"."attempt"
          AND "bucket" >= "piece"."from" AND "bucket" < "piece"."to" OFFSET 0
      ) AS b WHERE "piece"."level" > 0
      UNION ALL
      SELECT "piece"."attempt", p."step" - 1, 1,
        CASE WHEN p."loss" IS NULL THEN 0 ELSE 1 END, coalesce(p."loss", 0), p."loss", p."step", p."loss", p."step", p."step",
        CASE WHEN p."loss" IS NULL THEN p."step" END
      FROM "piece" CROSS JOIN LATERAL (
        SELECT "step", "loss" FROM "LossPoint"
        WHERE "runId" = ${runId} AND "attempt" = "piece"."attempt"
          AND "step" > "piece"."from" AND "step" <= "piece"."to" OFFSET 0
      ) AS p WHERE "piece"."level" = 0
    )
    SELECT ${isRaw ? sql`"attempt"` : sql`0`} AS "series", "begin" >> ${level}::int AS "bucket",
      sum("count")::int AS "count", sum("finite")::int AS "finite", sum("sum") AS "sum",
      min(ARRAY["min", "minStep"]) FILTER (WHERE "min" IS NOT NULL) AS "least",
      max(ARRAY["max", -"maxStep"]) FILTER (WHERE "max" IS NOT NULL) AS "greatest",
      max("last") AS "last", min("nonFinite") AS "nonFinite",
      (SELECT "lastSeq" FROM "TrainingRun" WHERE "id" = ${runId}) AS "seq"
    FROM "stored" GROUP BY 1, 2 ORDER BY 1, 2`,
  )
  const buckets = rows.map((row): Bucket<Mark> => {
    const { series, bucket, count, finite, sum, least, greatest, last, nonFinite } = row
    const mark = (step: number, loss: number | null): Mark => {
      return { step, loss, attempt: isRaw ? series : ownerOf(parts, step) }
    }
    return {
      series,
      index: bucket,
      count,
      finite,
      sum,
      min: least && mark(least[1], least[0]),
      max: greatest && mark(-greatest[1], greatest[0]),
      last: mark(last, null),
      nonFinite: nonFinite === null ? null : mark(nonFinite, null),
    }
  })
  return { buckets, seq: rows[0]?.seq ?? null }
}

/** The same buckets with the points that they name. */
async function withPoints(
  reader: Reader,
  runId: string,
  buckets: readonly Bucket<Mark>[],
): Promise<Bucket<RunPoint>[]> {
  const names = JSON.stringify(pointsOf(buckets).map(({ attempt, step }) => ({ attempt, step })))
  const rows = await readRunPoints(
    reader,
    sql`
    SELECT p.* FROM json_to_recordset(${names}::json) AS name ("attempt" int, "step" int)
    CROSS JOIN LATERAL (
      SELECT ${POINT} FROM "LossPoint"
      WHERE "runId" = ${runId} AND "attempt" = name."attempt" AND "step" = name."step" OFFSET 0
    ) AS p`,
  )
  const points = new Map(rows.map((row): [string, RunPoint] => [nameOf(row), row]))
  const found = (mark: Mark | null) => mark && points.get(nameOf(mark))!
  return buckets.map(({ min, max, last, nonFinite, ...bucket }) => ({
    ...bucket,
    min: found(min),
    max: found(max),
    last: found(last)!,
    nonFinite: found(nonFinite),
  }))
}

const POINT = sql`"attempt", "step", "epoch", "loss", "nonFinite", "layer", "learningRate", "imagesPerSecond", "at"`

async function readRunPoints(reader: Reader, query: Prisma.Sql): Promise<RunPoint[]> {
  const rows = await readJson<Omit<RunPoint, 'at'> & { at: string }>(reader, query)
  return rows.map((row) => ({ ...row, at: new Date(row.at) }))
}

/** The rows of a query, which the database sends as one text: with hundreds of rows Prisma takes longer over each value than the query. */
async function readJson<Row>(reader: Reader, query: Prisma.Sql): Promise<Row[]> {
  const [{ rows }] = await reader.$queryRaw<[{ rows: string }]>`
    SELECT coalesce(json_agg(to_json(r)), '[]')::text AS "rows" FROM (${query}) AS r`
  return JSON.parse(rows)
}
