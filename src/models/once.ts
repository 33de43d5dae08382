import { createHash } from 'node:crypto'
import type { ModelVersion, Prisma, PrismaClient } from '../db/generated/client.ts'
import { ConflictError, NotFoundError, ValidationError } from '../errors.ts'
import { isKey, KEY } from '../label.ts'

/** Belongs into the transaction that makes the version. */
type Remember = (tx: Prisma.TransactionClient, version: ModelVersion) => Promise<ModelVersion>

/**
 * Makes a version, or answers the one that the same request made under the same key: also when both are at work at
 * once, and after a restart.
 *
 * @param request  what is asked for: the same is the same JSON
 * @throws ValidationError for what is no key; ConflictError when another request was made under it; NotFoundError when
 *   the version was deleted since: done once, it is not done again. And what `make` throws: then the key is free.
 */
export type Once = (
  key: string | undefined,
  request: object,
  make: (remember: Remember) => Promise<ModelVersion>,
) => Promise<ModelVersion>

export function createOnce(prisma: PrismaClient): Once {
  const underWay = new Map<string, Promise<ModelVersion>>()

  async function known(key: string, request: string): Promise<ModelVersion | null> {
    const made = await prisma.versionRequest.findUnique({ where: { key }, include: { version: true } })
    if (made === null) return null
    if (made.request !== request) {
      throw new ConflictError(`The idempotency key "${key}" was used for another version.`)
    }
    if (made.version !== null) return made.version
    throw new NotFoundError(
      `The version that was made under the idempotency key "${key}" was deleted. Make one again with another key.`,
    )
  }

  return async (key, asked, make) => {
    if (key === undefined) return make(async (_tx, version) => version)
    if (!isKey(key)) {
      throw new ValidationError([{ path: ['idempotencyKey'], message: `A key has ${KEY}` }])
    }
    const request = createHash('sha256').update(JSON.stringify(asked)).digest('hex')
    const remember: Remember = async (tx, version) => {
      await tx.versionRequest.create({ data: { key, request, versionId: version.id } })
      return version
    }
    while (underWay.has(key)) await underWay.get(key)!.catch(() => {})
    const made = (async () => (await known(key, request)) ?? make(remember))()
    underWay.set(key, made)
    try {
      return await made
    } finally {
      underWay.delete(key)
    }
  }
}
