import { firstLine } from './database-error.ts'
import { Prisma, type PrismaClient } from './generated/client.ts'

/** Rows that contradict each other: each query answers a sentence for each. */
const RULES: readonly Prisma.Sql[] = [
  // The journal has no gap, and a run knows its end.
  Prisma.sql`
    SELECT format('run #%s has %s events and says %s', r."number", count(e."seq"), r."lastSeq") AS problem
    FROM "TrainingRun" r LEFT JOIN "RunEvent" e ON e."runId" = r."id"
    GROUP BY r."id" HAVING count(e."seq") <> r."lastSeq" OR coalesce(max(e."seq"), 0) <> r."lastSeq"`,
  Prisma.sql`
    SELECT format('%s loss points name run %s, which is not there', count(*), p."runId") AS problem
    FROM "LossPoint" p LEFT JOIN "TrainingRun" r ON r."id" = p."runId"
    WHERE r."id" IS NULL GROUP BY p."runId"`,
  Prisma.sql`
    SELECT format('%s loss points of run #%s are of no event of it', count(*), r."number") AS problem
    FROM "LossPoint" p JOIN "TrainingRun" r ON r."id" = p."runId"
    LEFT JOIN "RunEvent" e ON e."runId" = p."runId" AND e."seq" = p."seq" AND e."kind" = 'LOSS_POINTS'
    WHERE e."seq" IS NULL GROUP BY r."id"`,
  // A chart of few points shows what the points themselves do.
  Prisma.sql`
    SELECT format('the buckets of run #%s, level %s, count %s loss points, and it has %s',
      r."number", b."level", b."points", p."points") AS problem
    FROM (SELECT "runId", "level", sum("count") AS "points" FROM "LossBucket" GROUP BY "runId", "level") b
    JOIN "TrainingRun" r ON r."id" = b."runId"
    LEFT JOIN (SELECT "runId", count(*) AS "points" FROM "LossPoint" GROUP BY "runId") p ON p."runId" = b."runId"
    WHERE b."points" <> coalesce(p."points", 0)`,
  Prisma.sql`
    SELECT format('run #%s has lost its best checkpoint, that of step %s', r."number", r."bestStep") AS problem
    FROM "TrainingRun" r
    WHERE r."bestStep" IS NOT NULL AND NOT EXISTS (
      SELECT FROM "Checkpoint" c WHERE c."runId" = r."id" AND c."step" = r."bestStep")`,
  // The newest is always kept; of one that may go on with the state of its trainer.
  Prisma.sql`
    SELECT format('run #%s has saved checkpoints and has none that it could go on from', r."number") AS problem
    FROM "TrainingRun" r
    WHERE EXISTS (SELECT FROM "RunEvent" e WHERE e."runId" = r."id" AND e."kind" = 'CHECKPOINT_SAVED')
      AND NOT EXISTS (
        SELECT FROM "Checkpoint" c WHERE c."runId" = r."id"
          AND (c."stateDigest" IS NOT NULL OR r."status" = 'CANCELLED'))`,
  Prisma.sql`
    SELECT format('the alias %s of model %s names a version of another model', a."name", m."name") AS problem
    FROM "ModelAlias" a JOIN "Model" m ON m."id" = a."modelId" JOIN "ModelVersion" v ON v."id" = a."versionId"
    WHERE v."modelId" <> a."modelId"`,
  Prisma.sql`
    SELECT format('model %s has version %s and gives the next one number %s', m."name", max(v."version"),
      m."newestVersion" + 1) AS problem
    FROM "Model" m JOIN "ModelVersion" v ON v."modelId" = m."id"
    GROUP BY m."id" HAVING max(v."version") > m."newestVersion"`,
  Prisma.sql`
    SELECT format('data set %s has version %s and gives the next one number %s', d."name", max(v."version"),
      d."newestVersion" + 1) AS problem
    FROM "Dataset" d JOIN "DatasetVersion" v ON v."datasetName" = d."name"
    GROUP BY d."name" HAVING max(v."version") > d."newestVersion"`,
  Prisma.sql`
    SELECT format('the counter of %s is at %s, and %s is given', n."name", coalesce(c."value", 0), n."newest") AS problem
    FROM (
      SELECT 'TrainingRun' AS "name", max("number") AS "newest" FROM "TrainingRun"
      UNION ALL SELECT 'Model', max("seq") FROM "Model"
      UNION ALL SELECT 'ModelVersion', max("seq") FROM "ModelVersion"
      UNION ALL SELECT 'CustomArchitecture', max("seq") FROM "CustomArchitecture"
      UNION ALL SELECT 'Prediction', max("seq") FROM "Prediction"
      UNION ALL SELECT 'AuditEntry', max("seq") FROM "AuditEntry"
      UNION ALL SELECT 'Webhook', max("seq") FROM "Webhook"
      UNION ALL SELECT 'WebhookDelivery', max("seq") FROM "WebhookDelivery"
      UNION ALL SELECT 'DatasetVersion', max("seq") FROM "DatasetVersion"
    ) n LEFT JOIN "Counter" c ON c."name" = n."name"
    WHERE n."newest" > coalesce(c."value", 0)`,
]

/**
 * What is wrong in the database, as far as it can tell: tables that cannot be read to their end, and rows that contradict
 * each other. A second for a million loss points, in which an embedded database answers nobody else.
 * @returns sentences for people; none when it is well
 */
export async function inconsistencies(prisma: PrismaClient): Promise<string[]> {
  const problems: string[] = []
  const tables = await prisma.$queryRaw<{ name: string }[]>`
    SELECT tablename::text AS name FROM pg_tables WHERE schemaname = 'public' ORDER BY 1`
  for (const { name } of tables) {
    // Of whole rows: a count alone might read an index instead of the table.
    const table = Prisma.raw(`"${name}"`)
    await prisma.$queryRaw`SELECT count(t.*) FROM ${table} t`.catch((error: unknown) => {
      problems.push(`the table ${name} cannot be read: ${reasonOf(error)}`)
    })
  }
  // What cannot be read contradicts whatever it likes.
  if (problems.length > 0) return problems
  for (const rule of RULES) {
    const found = await prisma.$queryRaw<{ problem: string }[]>(rule)
    problems.push(...found.map(({ problem }) => problem))
  }
  return problems
}

/** What PostgreSQL said, of the many lines that Prisma makes of it. */
function reasonOf(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error)
  return /(?:Message: `)([^`]+)/.exec(message)?.[1] ?? firstLine(message.trim().split('\n').at(-1))
}
