import type { Prisma, PrismaClient, RunOutputLine } from './generated/client.ts'

/**
 * Inserts lines of output as createMany() would, in one parameter (see insertLossPoints). Their texts have no NUL.
 * Not awaited it can be a member of `$transaction([...])`.
 */
export function insertRunOutputLines(
  client: Pick<PrismaClient, '$executeRaw'>,
  lines: readonly RunOutputLine[],
): Prisma.PrismaPromise<number> {
  return client.$executeRaw`
    INSERT INTO "RunOutputLine" ("runId", "number", "attempt", "at", "stream", "text")
    SELECT "runId", "number", "attempt", "at", "stream", "text"
    FROM json_populate_recordset(NULL::"RunOutputLine", ${JSON.stringify(lines)}::json)`
}
