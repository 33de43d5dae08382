import type { RunPatch } from '../../journal/journal.ts'
import type { ControlRequest } from '../../model/controls.ts'

/** Writes down the keys of requests, so that each is done once. */
export function remembered(requests: readonly ControlRequest[]): Pick<RunPatch, 'controls'> {
  // A request that was answered before it was done, for want of room, may have been sent again.
  const byKey = new Map(requests.map(({ key, input }) => [key, input]))
  const create = [...byKey].flatMap(([key, input]) =>
    key === undefined ? [] : [{ key, request: { ...input } as object }],
  )
  return create.length === 0 ? {} : { controls: { create } }
}
