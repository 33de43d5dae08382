/** What the children of the server are for. */
export const CHILD_ROLES = ['trainer', 'predictor', 'job'] as const
export type ChildRole = (typeof CHILD_ROLES)[number]

const roles = new Map<number, ChildRole>()

/** The processes that this one has started and that are there now, by their id. */
export const childProcesses: ReadonlyMap<number, ChildRole> = roles

/** @returns what is to be called when it is gone */
export function noteChild(pid: number, role: ChildRole): () => void {
  roles.set(pid, role)
  return () => roles.delete(pid)
}
