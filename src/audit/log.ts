import type { Logger } from 'pino'
import type { Viewer } from '../access/viewer.ts'
import type { AccessToken, AuditEntry, AuditOutcome, Prisma, PrismaClient } from '../db/generated/client.ts'
import type { Detail } from './detail.ts'
import { createSignInLimit } from './sign-in-limit.ts'

/** What is told beside mutations. */
export const OTHER_ACTIONS = ['signIn', 'signOut', 'backup', 'check'] as const

/** Where something is from. */
export interface Origin {
  /** As in the server's log. */
  requestId: string
  /** Of who asked, as far as it can be believed. */
  address: string
}

export interface AuditEvent {
  /** A field of Mutation, or one of OTHER_ACTIONS. */
  action: string
  /** Null where nobody was known. */
  viewer: Pick<Viewer, 'id' | 'name' | 'role' | 'tokenId'> | null
  origin: Origin
  outcome: AuditOutcome
  /** Why it was not done: an error's type or code. */
  error?: string
  /** Type and global id of what was changed. */
  target?: { type: string; id: string } | null
  detail?: Detail | null
}

/** Who did what to what, when and from where. */
export interface AuditLog {
  /**
   * Resolves at once, unless a thousand are waiting: who asks is answered while it is being written, as a commit of its own
   * would make a mutation take half as long again. Who reads the log from then on finds it, and `close` waits for it.
   * Never rejects. What cannot be written is in the server's log instead, and what it tells of is done all the same: a full
   * disk is no reason to tell people that what they did was not done.
   */
  record(event: AuditEvent): Promise<void>
  /** The same for someone who is not let in: at most ten a minute from one address, and a hundred from all. */
  recordFailedSignIn(event: Pick<AuditEvent, 'origin' | 'error' | 'detail'>): Promise<void>
  list(query: Prisma.AuditEntryFindManyArgs): Promise<AuditEntry[]>
  count(where: Prisma.AuditEntryWhereInput): Promise<number>
  /** Resolves when all that was recorded is written. */
  close(): Promise<void>
}

/** Written at once; PostgreSQL takes 65,535 values in a statement. */
const AT_ONCE = 500
/** Entries that wait while who did it is answered. */
const MOST_WAITING = 1000

export function createAuditLog(options: { prisma: PrismaClient; logger: Pick<Logger, 'error'> }): AuditLog {
  const { prisma, logger } = options
  const mayTell = createSignInLimit()
  let last: Promise<void> = Promise.resolve()
  /** What waits for the write that is under way, to be written together by the next. */
  let next: { rows: Prisma.AuditEntryCreateManyInput[]; written: Promise<void> } | null = null

  async function write(rows: Prisma.AuditEntryCreateManyInput[]): Promise<void> {
    for (let from = 0; from < rows.length; from += AT_ONCE) {
      const data = rows.slice(from, from + AT_ONCE)
      await prisma.auditEntry.createMany({ data }).catch((error: unknown) => {
        logger.error({ err: error, entries: data }, 'entries of the audit log were not written')
      })
    }
  }

  function begin() {
    const rows: Prisma.AuditEntryCreateManyInput[] = []
    const written = last.then(() => {
      next = null
      return write(rows)
    })
    last = written
    return { rows, written }
  }

  const record: AuditLog['record'] = async (event) => {
    next ??= begin()
    const { rows, written } = next
    rows.push(rowOf(event))
    if (rows.length >= MOST_WAITING) await written
  }

  return {
    record,
    async recordFailedSignIn({ origin, error, detail }) {
      const leftOut = mayTell(origin.address, Date.now())
      if (leftOut === null) return
      const told = leftOut === 0 ? detail : { ...detail, leftOut }
      await record({ action: 'signIn', viewer: null, outcome: 'REFUSED', origin, error, detail: told })
    },
    async list(query) {
      await last
      return prisma.auditEntry.findMany(query)
    },
    async count(where) {
      await last
      return prisma.auditEntry.count({ where })
    },
    close: () => last,
  }
}

/** That somebody signed in. @param session  what they got */
export function signedIn(session: AccessToken, origin: Origin): AuditEvent {
  const { id, ownerId, name, role, parentId } = session
  const viewer = { id: ownerId, name, role, tokenId: parentId }
  return { action: 'signIn', viewer, origin, outcome: 'DONE', target: { type: 'Session', id } }
}

function rowOf({ action, viewer, origin, outcome, error, target, detail }: AuditEvent) {
  return {
    at: new Date(),
    action,
    outcome,
    error,
    viewerId: viewer?.id,
    viewerName: viewer?.name,
    role: viewer?.role,
    tokenId: viewer?.tokenId,
    ...origin,
    targetType: target?.type,
    targetId: target?.id,
    detail: detail ?? undefined,
  }
}
