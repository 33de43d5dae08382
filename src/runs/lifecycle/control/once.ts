import { isDeepStrictEqual } from 'node:util'
import { LOCAL } from '../../../access/viewer.ts'
import type { PrismaClient } from '../../../db/generated/client.ts'
import { ConflictError, ValidationError } from '../../../errors.ts'
import { isKey, KEY } from '../../../label.ts'
import type { ControlRequest } from '../../model/controls.ts'

/**
 * Does requests that have a key once: the second with the same key is not done, and answers like the first.
 * @param again  what a request is answered that was done before
 * @throws ValidationError for a key that is none; ConflictError when it was used for something else
 */
export type OncePerKey = <Result>(
  runId: string,
  request: ControlRequest,
  work: () => Promise<Result>,
  again: () => Promise<Result>,
) => Promise<Result>

export function createOncePerKey(prisma: Pick<PrismaClient, 'controlRequest'>): OncePerKey {
  /** Requests under way that have a key: a second one with the same waits for what the first comes to. */
  const underWay = new Map<string, Promise<unknown>>()

  return async (runId, { ownerId = LOCAL, key, input }, work, again) => {
    if (key === undefined) return work()
    if (!isKey(key)) {
      throw new ValidationError([{ path: ['idempotencyKey'], message: `A key has ${KEY}` }])
    }
    const place = JSON.stringify([runId, ownerId, key])
    while (underWay.has(place)) await underWay.get(place)?.catch(() => {})
    const done = (async () => {
      const own = { runId, ownerId, key }
      const known = await prisma.controlRequest.findUnique({ where: { runId_ownerId_key: own } })
      if (known === null) return work()
      if (isDeepStrictEqual(known.request, JSON.parse(JSON.stringify(input)))) return again()
      throw new ConflictError(`The idempotency key "${key}" was used for something else on this run.`)
    })()
    underWay.set(place, done)
    try {
      return await done
    } finally {
      underWay.delete(place)
    }
  }
}
