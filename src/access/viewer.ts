import { ForbiddenError } from '../errors.ts'

/** Least first: each may what the one before it may, and more. */
export const ROLES = ['VIEWER', 'OPERATOR', 'ADMIN'] as const
export type Role = (typeof ROLES)[number]

/** Who asks. */
export interface Viewer {
  /** Of the person or program, whatever token it comes with: what it makes is its own by this. */
  readonly id: string
  /** For people. */
  readonly name: string
  readonly role: Role
  /** Whether it may change what others made: admins may, and operators where they share everything. */
  readonly changesAll: boolean
  /** LOCAL: there is no authentication. SESSION: a browser that signed in. */
  readonly kind: 'LOCAL' | 'TOKEN' | 'SESSION'
  /** Of the token, or the session, that it came with; null for LOCAL. */
  readonly tokenId: string | null
}

/** Of the local viewer, and so of what was made without authentication; also the default in the database. */
export const LOCAL = 'local'

/** Everyone, where there is no authentication. */
export const LOCAL_VIEWER: Viewer = {
  id: LOCAL,
  name: 'local',
  role: 'ADMIN',
  changesAll: true,
  kind: 'LOCAL',
  tokenId: null,
}

/** Those of a role as one, where what is made for one of them is for all. */
export function anyoneOf(role: Role): Viewer {
  return { id: '', name: '', role, changesAll: false, kind: 'LOCAL', tokenId: null }
}

/** Whether the viewer may what this role may. */
export function mayAs(viewer: Pick<Viewer, 'role'>, role: Role): boolean {
  return ROLES.indexOf(viewer.role) >= ROLES.indexOf(role)
}

/** @throws ForbiddenError for a viewer that may less */
export function demandRole(viewer: Viewer, needed: Role): void {
  if (!mayAs(viewer, needed)) {
    throw new ForbiddenError(`This needs the role ${needed}; ${viewer.name} has ${viewer.role}.`)
  }
}

/** What somebody made. */
export interface Owned {
  /** Viewer.id of who did. */
  ownerId: string
  /** For people, at the beginning of a sentence. */
  what: string
}

/** @throws ForbiddenError for a viewer that may not change it */
export function demandOwner(viewer: Viewer, { ownerId, what }: Owned): void {
  if (viewer.changesAll || viewer.id === ownerId) return
  throw new ForbiddenError(
    `${what} belongs to ${ownerId}: ${viewer.name} may not change it. An admin may; with OPERATORS_SHARE=true, every operator.`,
  )
}
