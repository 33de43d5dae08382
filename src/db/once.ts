import { createHash } from 'node:crypto'
import { ConflictError, NotFoundError, ValidationError } from '../errors.ts'
import { isKey, KEY } from '../label.ts'
import type { Prisma } from './generated/client.ts'

/** An idempotency key belongs to who made it up: another's is another one. */
export interface OwnKey {
  ownerId: string
  key: string
}

/** Where requests under idempotency keys are noted, with what they made. */
export interface RequestBook<Made> {
  /** `made`: null when it was deleted since. */
  find(key: OwnKey): Promise<{ request: string; made: Made | null } | null>
  note(tx: Prisma.TransactionClient, key: OwnKey, request: string, made: Made): Promise<unknown>
}

/** Belongs into the transaction that makes the version. */
export type Remember<Made> = (tx: Prisma.TransactionClient, made: Made) => Promise<Made>

/**
 * Makes a version, of a model or of a data set, or answers the one that the same request made under the same key: also
 * when both are at work at once, and after a restart.
 *
 * @param request  what is asked for: the same is the same JSON
 * @throws ValidationError for what is no key; ConflictError when another request was made under it; NotFoundError when
 *   the version was deleted since: done once, it is not done again. And what `make` throws: then the key is free.
 */
export type Once<Made> = (
  by: { ownerId: string; key: string | undefined },
  request: object,
  make: (remember: Remember<Made>) => Promise<Made>,
) => Promise<Made>

export function createOnce<Made>(book: RequestBook<Made>): Once<Made> {
  const underWay = new Map<string, Promise<Made>>()

  async function known(own: OwnKey, request: string): Promise<Made | null> {
    const { key } = own
    const found = await book.find(own)
    if (found === null) return null
    if (found.request !== request) {
      throw new ConflictError(`The idempotency key "${key}" was used for another version.`)
    }
    if (found.made !== null) return found.made
    throw new NotFoundError(
      `The version that was made under the idempotency key "${key}" was deleted. Make one again with another key.`,
    )
  }

  return async ({ ownerId, key }, asked, make) => {
    if (key === undefined) return make(async (_tx, made) => made)
    if (!isKey(key)) {
      throw new ValidationError([{ path: ['idempotencyKey'], message: `A key has ${KEY}` }])
    }
    const request = createHash('sha256').update(JSON.stringify(asked)).digest('hex')
    const own = { ownerId, key }
    const remember: Remember<Made> = async (tx, made) => {
      await book.note(tx, own, request, made)
      return made
    }
    const place = JSON.stringify([ownerId, key])
    while (underWay.has(place)) await underWay.get(place)!.catch(() => {})
    const made = (async () => (await known(own, request)) ?? make(remember))()
    underWay.set(place, made)
    try {
      return await made
    } finally {
      underWay.delete(place)
    }
  }
}
