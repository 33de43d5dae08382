import * as z from 'zod'
import type { OpenIdSettings, RoleRule } from './access/openid/settings.ts'
import { ROLES } from './access/viewer.ts'
import { isLoopback } from './server/origin.ts'

/** What the environment says of OpenID Connect. */
export const OPENID_VARIABLES = {
  OIDC_ISSUER: z
    .string()
    .refine(
      isIssuer,
      'must be an https:// URL without ? and #, or an http:// one of a provider on this machine',
    )
    .optional(),
  OIDC_CLIENT_ID: z.string().optional(),
  OIDC_CLIENT_SECRET: z.string().optional(),
  OIDC_SCOPES: z
    .string()
    .regex(/^openid( [\x21-\x7e]+)*$/, 'must be scopes such as "openid profile groups", openid first')
    .optional(),
  OIDC_ROLES_CLAIM: z.string().optional(),
  OIDC_ROLES: z
    .string()
    .transform((list) => list.split(',').map(readRule))
    .refine(
      (rules) => rules.every((rule) => rule !== null),
      'must give values of the claim their roles (viewer, operator, admin), such as zoo-admins=admin,lab=operator,*=viewer',
    )
    .optional(),
} as const

type Variables = z.infer<z.ZodObject<typeof OPENID_VARIABLES>> & { AUTH?: string; PUBLIC_URL?: string }

const NEEDED = ['OIDC_ISSUER', 'OIDC_CLIENT_ID', 'OIDC_CLIENT_SECRET', 'OIDC_ROLES', 'PUBLIC_URL'] as const

/** Who sets one of them means to have people sign in so, and that needs more. */
export function checkOpenId(value: Variables, { addIssue }: z.RefinementCtx): void {
  const isMeant = Object.keys(OPENID_VARIABLES).some(
    (name) => value[name as keyof typeof value] !== undefined,
  )
  if (!isMeant) return
  for (const name of NEEDED) {
    if (value[name] !== undefined) continue
    addIssue({ code: 'custom', path: [name], message: 'must be set, too, to sign in with OpenID Connect' })
  }
  if (value.AUTH !== 'tokens') {
    addIssue({ code: 'custom', path: ['AUTH'], message: 'must be tokens to sign in with OpenID Connect' })
  }
}

/** Of variables that were checked. */
export function openIdOf(value: Variables): OpenIdSettings | null {
  const { OIDC_ISSUER, OIDC_CLIENT_ID, OIDC_CLIENT_SECRET, OIDC_ROLES, PUBLIC_URL } = value
  if (!OIDC_ISSUER || !OIDC_CLIENT_ID || !OIDC_CLIENT_SECRET || !OIDC_ROLES || !PUBLIC_URL) return null
  return {
    issuer: OIDC_ISSUER,
    clientId: OIDC_CLIENT_ID,
    clientSecret: OIDC_CLIENT_SECRET,
    scopes: value.OIDC_SCOPES ?? 'openid profile email',
    rolesClaim: value.OIDC_ROLES_CLAIM ?? 'groups',
    roles: OIDC_ROLES.filter((rule) => rule !== null),
    publicUrl: PUBLIC_URL,
  }
}

/** What travels in clear is for this machine alone. */
function isIssuer(text: string): boolean {
  if (!URL.canParse(text) || /[?#]/.test(text)) return false
  const { protocol, hostname } = new URL(text)
  const isHere = hostname === 'localhost' || isLoopback(hostname.replace(/^\[|\]$/g, ''))
  return protocol === 'https:' || (protocol === 'http:' && isHere)
}

/** `value=role`; a value may have = in it. */
function readRule(text: string): RoleRule | null {
  const [, value, name] = /^\s*(.*\S)\s*=\s*(\w+)\s*$/.exec(text) ?? []
  const role = ROLES.find((it) => it === name?.toUpperCase())
  return value === undefined || role === undefined ? null : { value, role }
}
