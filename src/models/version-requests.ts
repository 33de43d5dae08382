import type { ModelVersion, PrismaClient } from '../db/generated/client.ts'
import type { RequestBook } from '../db/once.ts'

/** Requests for versions of models, in the database: a key outlives its version. */
export function versionRequests(prisma: PrismaClient): RequestBook<ModelVersion> {
  return {
    async find(own) {
      const found = await prisma.versionRequest.findUnique({
        where: { ownerId_key: own },
        include: { version: true },
      })
      return found && { request: found.request, made: found.version }
    },
    note: (tx, own, request, { id }) =>
      tx.versionRequest.create({ data: { ...own, request, versionId: id } }),
  }
}
