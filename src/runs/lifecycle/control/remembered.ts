import type { RunPatch } from '../../journal/journal.ts'
import type { ControlRequest } from '../../model/controls.ts'

/** Writes down the keys of requests, so that each is done once. */
export function remembered(requests: readonly ControlRequest[]): Pick<RunPatch, 'controls'> {
  // A request that was answered before it was done, for want of room, may have been sent again.
  const byKey = new Map(requests.map((request) => [JSON.stringify([request.ownerId, request.key]), request]))
  const create = [...byKey.values()].flatMap(({ ownerId, key, input }) =>
    key === undefined ? [] : [{ ownerId, key, request: { ...input } as object }],
  )
  return create.length === 0 ? {} : { controls: { create } }
}
