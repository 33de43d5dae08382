import type { Prisma, PrismaClient, RunLogLine } from './generated/client.ts'

/**
 * Inserts lines of output as createMany() would, in one parameter (see insertLossPoints). Their texts have no NUL.
 * Not awaited it can be a member of `$transaction([...])`.
 */
export function insertRunLogLines(
  client: Pick<PrismaClient, '$executeRaw'>,
  lines: readonly RunLogLine[],
): Prisma.PrismaPromise<number> {
  return client.$executeRaw`
    INSERT INTO "RunLogLine" ("runId", "number", "attempt", "at", "stream", "text")
    SELECT "runId", "number", "attempt", "at", "stream", "text"
    FROM json_populate_recordset(NULL::"RunLogLine", ${JSON.stringify(lines)}::json)`
}
