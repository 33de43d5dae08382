import type { LossBucket, Prisma, PrismaClient } from './generated/client.ts'

/**
 * Adds what new loss points came to to the buckets that they fall into; a bucket that is not there yet begins with it.
 * The sum is made by the database: the writer keeps nothing in memory, which a crash would lose, and the order in
 * which points come does not matter. One statement, like insertLossPoints() (loss-points.ts).
 *
 * @param client  the transaction that also writes the points
 * @param buckets  each at most once
 */
export function addToLossBuckets(
  client: Pick<PrismaClient, '$executeRaw'>,
  buckets: readonly LossBucket[],
): Prisma.PrismaPromise<number> {
  // LEAST and GREATEST pass over NULL; a comparison with NULL is not true.
  return client.$executeRaw`
    INSERT INTO "LossBucket" AS old ("runId", "level", "attempt", "bucket", "count",
      "finite", "sum", "min", "minStep", "max", "maxStep", "last", "nonFinite")
    SELECT "runId", "level", "attempt", "bucket", "count", "finite", "sum",
      "min", "minStep", "max", "maxStep", "last", "nonFinite"
    FROM json_populate_recordset(NULL::"LossBucket", ${JSON.stringify(buckets)}::json)
    ON CONFLICT ("runId", "level", "attempt", "bucket") DO UPDATE SET
      "count" = old."count" + excluded."count",
      "finite" = old."finite" + excluded."finite",
      "sum" = old."sum" + excluded."sum",
      "min" = LEAST(old."min", excluded."min"),
      "minStep" = CASE
        WHEN old."min" IS NULL OR (excluded."min", excluded."minStep") < (old."min", old."minStep")
        THEN excluded."minStep" ELSE old."minStep" END,
      "max" = GREATEST(old."max", excluded."max"),
      "maxStep" = CASE
        WHEN old."max" IS NULL OR (excluded."max", -excluded."maxStep") > (old."max", -old."maxStep")
        THEN excluded."maxStep" ELSE old."maxStep" END,
      "last" = GREATEST(old."last", excluded."last"),
      "nonFinite" = LEAST(old."nonFinite", excluded."nonFinite")`
}
