import type { Role } from '../viewer.ts'

/** How people sign in with an OpenID Connect provider. */
export interface OpenIdSettings {
  /** URL that the provider is known by; OpenID Connect discovers the rest from it. */
  issuer: string
  clientId: string
  clientSecret: string
  /** Of OAuth, separated by blanks. */
  scopes: string
  /** The claim whose values give people their roles. */
  rolesClaim: string
  roles: readonly RoleRule[]
  /** Origin that browsers reach this server at. */
  publicUrl: string
}

/** Who has the value in the claim has the role, and maybe a higher one by another rule. */
export interface RoleRule {
  /** `*` for whoever the provider lets in. */
  value: string
  role: Role
}

/** What people know a provider by. */
export function hostOf({ issuer }: Pick<OpenIdSettings, 'issuer'>): string {
  return new URL(issuer).host
}
