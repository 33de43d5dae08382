import type { Logger } from 'pino'
import { createTurns } from '../concurrency/one-at-a-time.ts'
import type { AccessToken, Prisma, PrismaClient } from '../db/generated/client.ts'
import { ConflictError, NotFoundError, UnauthenticatedError, ValidationError } from '../errors.ts'
import { LABEL, readLabel } from '../label.ts'
import { createGrants, type Grant } from './grants.ts'
import type { Person } from './openid/person.ts'
import type { OpenIdSettings } from './openid/settings.ts'
import { makeSecret, type SecretKind } from './secret.ts'
import { LOCAL_VIEWER, type Role, type Viewer } from './viewer.ts'

/** How viewers are known: `none`, everyone is the local one; `tokens`, by a secret that they send. */
export type Auth = 'none' | 'tokens'

export interface NewToken {
  name: string
  role: Role
  /** Viewer.id of its bearer: its name when left out. */
  ownerId?: string | undefined
  expiresAt?: Date | undefined
}

/** A token or session with its secret, which is never seen again. */
export interface MadeToken {
  token: AccessToken
  secret: string
}

export interface AccessService {
  readonly auth: Auth
  /**
   * Takes a few microseconds, and reads no database.
   * @param secret  what was sent; null for nothing
   * @throws UnauthenticatedError where one is needed and this is none, or none any more
   */
  viewerOf(secret: string | null, kind: SecretKind): Viewer
  /** Calls back within seconds after the viewer's token or session was revoked or expired. @returns forgets it */
  whenOver(viewer: Viewer, callback: () => void): () => void
  tokens: Tokens
  sessions: Sessions
  close(): Promise<void>
}

/** What lets somebody in by itself: tokens, and the sessions of people whom a provider vouches for. */
export interface Tokens {
  /** @throws ValidationError; ConflictError when a token that lasts has the name */
  create(token: NewToken): Promise<MadeToken>
  /** @throws NotFoundError */
  revoke(id: string): Promise<AccessToken>
  list(query: Prisma.AccessTokenFindManyArgs): Promise<AccessToken[]>
  count(): Promise<number>
}

export interface Sessions {
  /** For a browser. @throws UnauthenticatedError for what is no token, or none any more */
  open(tokenSecret: string): Promise<MadeToken>
  /** The same for somebody who signed in elsewhere. It ends after half a day: roles change there unheard. */
  openFor(person: Person): Promise<MadeToken>
  end(viewer: Viewer): Promise<void>
}

/** A browser signs in again after so long. */
const SESSION_MS = 30 * 24 * 60 * 60 * 1000
/** The same of a person with a provider. */
const PERSON_HOURS = 12
/** Browsers that are signed in with one token, or as one person; of more, the one that did so first is signed out. */
const MOST_SESSIONS = 100
/** The last use is written no more often. */
const USE_MS = 5 * 60 * 1000

/** Knows all tokens, as nobody else writes them: one server has the database for itself. */
export async function openAccess(options: {
  auth: Auth
  /** Whether operators may change what others made. */
  operatorsShare: boolean
  /** Null where people sign in with tokens alone. */
  openId: Pick<OpenIdSettings, 'roles'> | null
  prisma: PrismaClient
  logger: Pick<Logger, 'warn'>
}): Promise<AccessService> {
  const { auth, operatorsShare, openId, prisma, logger } = options
  const grants = createGrants()
  const now = new Date()
  await deleteOldSessions(prisma, now)
  // Whom nobody vouches for any more is not let in.
  if (auth === 'tokens' && openId === null) await deleteSessions(prisma, { parentId: null })
  const rows = await prisma.accessToken.findMany({
    where: { revokedAt: null, OR: [{ expiresAt: null }, { expiresAt: { gt: now } }] },
  })
  for (const row of rows) grants.add(grantFor(row))
  const isAdmin = ({ role }: { role: Role }) => role === 'ADMIN'
  if (auth === 'tokens' && !rows.some(isAdmin) && openId?.roles.some(isAdmin) !== true) {
    logger.warn(
      'no token has the role ADMIN: stop this server, make one by `vggzoo token create NAME --role admin`, and start it again',
    )
  }

  function grantFor(row: AccessToken): Grant {
    const { id, prefix, hash, kind, name, role, ownerId, parentId, expiresAt, lastUsedAt } = row
    const changesAll = role === 'ADMIN' || (role === 'OPERATOR' && operatorsShare)
    const viewer = { id: ownerId, name, role, changesAll, kind, tokenId: id }
    return { prefix, hash, kind, viewer, parentId, expiresAt, lastUsedAt }
  }

  function use(grant: Grant): Viewer {
    const at = Date.now()
    if (grant.lastUsedAt === null || at - grant.lastUsedAt.getTime() > USE_MS) {
      grant.lastUsedAt = new Date(at)
      const id = grant.viewer.tokenId!
      prisma.accessToken
        .update({ where: { id }, data: { lastUsedAt: grant.lastUsedAt } })
        .catch((error: unknown) => logger.warn({ err: error }, 'the last use of a token was not written'))
    }
    return grant.viewer
  }

  function grantOf(secret: string | null, kind: SecretKind): Grant {
    if (secret === null) throw new UnauthenticatedError(NOTHING_SENT)
    const grant = grants.find(secret)
    if (grant === null || grant.kind !== kind) throw new UnauthenticatedError(NOT_VALID[kind])
    return grant
  }

  async function make(
    kind: SecretKind,
    row: Omit<NewToken, 'ownerId'> & { ownerId: string; parentId?: string | null },
  ) {
    const { text, prefix, hash } = makeSecret(kind)
    const token = await prisma.accessToken.create({ data: { ...row, kind, prefix, hash } })
    grants.add(grantFor(token))
    return { token, secret: text }
  }

  const inTurn = createTurns()
  const tokens: Tokens = {
    create: (asked) =>
      inTurn(async () => {
        const row = checked(asked)
        const namesake = await prisma.accessToken.findFirst({
          where: {
            kind: 'TOKEN',
            name: row.name,
            revokedAt: null,
            OR: [{ expiresAt: null }, { expiresAt: { gt: new Date() } }],
          },
        })
        if (namesake !== null) {
          throw new ConflictError(
            `There is a token "${row.name}" already: ${namesake.prefix}. Revoke it, or choose another name.`,
          )
        }
        return make('TOKEN', row)
      }),
    async revoke(id) {
      const found = await prisma.accessToken.findUnique({ where: { id, ...BY_ITSELF } })
      if (found === null) throw new NotFoundError('There is no such token.')
      if (found.revokedAt !== null) return found
      const [token] = await prisma.$transaction([
        prisma.accessToken.update({ where: { id }, data: { revokedAt: new Date() } }),
        prisma.accessToken.deleteMany({ where: { parentId: id } }),
      ])
      grants.end(id)
      return token
    },
    list: (query) => prisma.accessToken.findMany({ ...query, where: { ...query.where, ...BY_ITSELF } }),
    count: () => prisma.accessToken.count({ where: BY_ITSELF }),
  }

  async function end({ kind, tokenId }: Viewer): Promise<void> {
    if (kind !== 'SESSION' || tokenId === null) return
    await prisma.accessToken.deleteMany({ where: { id: tokenId } })
    grants.end(tokenId)
  }

  async function openSession(row: Person & { parentId: string | null; expiresAt: Date }) {
    await deleteOldSessions(prisma, new Date())
    const made = await make('SESSION', row)
    const open = grants.sessionsOf(row.ownerId, row.parentId)
    for (const { viewer } of open.slice(0, Math.max(0, open.length - MOST_SESSIONS))) await end(viewer)
    return made
  }

  const sessions: Sessions = {
    async open(tokenSecret) {
      const token = grantOf(tokenSecret, 'TOKEN')
      const { id: ownerId, name, role, tokenId } = use(token)
      const longest = Date.now() + SESSION_MS
      const expiresAt = new Date(Math.min(longest, token.expiresAt?.getTime() ?? longest))
      return openSession({ name, role, ownerId, parentId: tokenId!, expiresAt })
    },
    openFor: (person) =>
      openSession({
        ...person,
        parentId: null,
        expiresAt: new Date(Date.now() + PERSON_HOURS * 60 * 60 * 1000),
      }),
    end,
  }

  return {
    auth,
    viewerOf: (secret, kind) => (auth === 'none' ? LOCAL_VIEWER : use(grantOf(secret, kind))),
    whenOver: grants.whenOver,
    tokens,
    sessions,
    async close() {
      grants.close()
    },
  }
}

const BY_ITSELF = { parentId: null }

async function deleteSessions(prisma: PrismaClient, where: Prisma.AccessTokenWhereInput): Promise<void> {
  await prisma.accessToken.deleteMany({ where: { ...where, kind: 'SESSION' } })
}

function deleteOldSessions(prisma: PrismaClient, now: Date): Promise<void> {
  return deleteSessions(prisma, { expiresAt: { lte: now } })
}

const NOTHING_SENT = 'Sign in, or send a token: Authorization: Bearer vgz_...'
const NOT_VALID: Record<SecretKind, string> = {
  TOKEN: 'The token is not valid: it is wrong, revoked or expired.',
  SESSION: 'You are signed out. Sign in again.',
}

function checked({ name, role, ownerId, expiresAt }: NewToken) {
  const issues: { path: string[]; message: string }[] = []
  const label = (field: string, text: string) => {
    const read = readLabel(text)
    if (read === null) issues.push({ path: [field], message: `A ${field} has ${LABEL}` })
    return read ?? text
  }
  const row = { name: label('name', name), role, ownerId: label('owner', ownerId ?? name), expiresAt }
  if (expiresAt !== undefined && expiresAt.getTime() <= Date.now()) {
    issues.push({ path: ['expiresAt'], message: 'The token would have expired already.' })
  }
  if (issues.length > 0) throw new ValidationError(issues)
  return row
}
