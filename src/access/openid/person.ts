import { readLabel } from '../../label.ts'
import { ROLES, type Role } from '../viewer.ts'
import type { OpenIdSettings } from './settings.ts'

/** Somebody whom a provider vouches for. */
export interface Person {
  /** Viewer.id, the same whenever this person signs in. */
  ownerId: string
  name: string
  role: Role
}

/** What a provider says of who signed in. */
export type Claims = Readonly<Record<string, unknown>>

/** OpenID Connect Core 2: at most 255 ASCII characters. */
const SUBJECT = /^[\x20-\x7e]{1,255}$/

/**
 * The person that claims are of. What it makes is its own by the subject and the issuer, `5f3a@sso.example.org`: these two
 * alone stay, where names and addresses change hands.
 * @returns null for one to whom no rule gives a role
 * @throws Error for a subject that is none
 */
export function personOf(
  claims: Claims,
  { issuer, rolesClaim, roles }: Pick<OpenIdSettings, 'issuer' | 'rolesClaim' | 'roles'>,
): Person | null {
  const { sub } = claims
  if (typeof sub !== 'string' || !SUBJECT.test(sub)) throw new Error('The claim "sub" is no subject.')
  const held = valuesOf(claims[rolesClaim])
  const given = roles.filter(({ value }) => value === '*' || held.includes(value)).map(({ role }) => role)
  const role = ROLES.findLast((it) => given.includes(it))
  if (role === undefined) return null
  const ownerId = `${sub}@${issuer.replace(/^https?:\/\//, '').replace(/\/$/, '')}`
  return { ownerId, name: nameIn(claims) ?? sub, role }
}

/** A claim that may have several values has one text, or a list. */
export function valuesOf(claim: unknown): string[] {
  return [claim].flat().filter((value) => typeof value === 'string')
}

function nameIn({ name, preferred_username, email }: Claims): string | null {
  for (const claim of [name, preferred_username, email]) {
    const label = typeof claim === 'string' ? readLabel(claim) : null
    if (label !== null) return label
  }
  return null
}
