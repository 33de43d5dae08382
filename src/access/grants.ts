import { isSecretOf, prefixOf, type SecretKind } from './secret.ts'
import type { Viewer } from './viewer.ts'

/** What a token or a session lets its bearer be, as long as it lasts. */
export interface Grant {
  readonly prefix: string
  readonly hash: Uint8Array
  readonly kind: SecretKind
  readonly viewer: Viewer
  /** Of a session: the id of the token that it was opened with; null when a provider vouched for its viewer. */
  readonly parentId: string | null
  readonly expiresAt: Date | null
  lastUsedAt: Date | null
}

/** The grants that last, in memory: each request is looked up here and nowhere else. */
export interface Grants {
  add(grant: Grant): void
  /** Null when there is none, or none any more. */
  find(secret: string): Grant | null
  /** Ends the grant of a token or session, and the sessions that were opened with it. */
  end(tokenId: string): void
  /** Calls back soon after the viewer's grant has ended; at once when it has. @returns forgets it */
  whenOver(viewer: Viewer, callback: () => void): () => void
  /** Sessions of a person that were opened with a token, or without one, the oldest first. */
  sessionsOf(ownerId: string, tokenId: string | null): Grant[]
  close(): void
}

/** What is under way when a grant ends: whoever revokes their own token still gets the answer. */
const LAST_ANSWERS_MS = 1000
/** How late an expiry may be noticed by those who are connected; and how long what has expired is kept. */
const SWEEP_MS = 1000
/** Grants that are found again without a hash, which takes as long as a tenth of a small answer. */
const MOST_RECENT = 1000

export function createGrants(): Grants {
  const byPrefix = new Map<string, Grant>()
  const byViewer = new Map<Viewer, Grant>()
  /** By the secret itself, which the memory of a server has anyway while those who send it are connected. */
  const recent = new Map<string, Grant>()
  /** Who is connected. */
  const connected = new Map<Grant, Set<() => void>>()

  function forget(grant: Grant): void {
    byPrefix.delete(grant.prefix)
    byViewer.delete(grant.viewer)
    for (const [secret, other] of recent) if (other === grant) recent.delete(secret)
    const callbacks = connected.get(grant)
    connected.delete(grant)
    if (callbacks === undefined) return
    setTimeout(() => {
      for (const callback of callbacks) callback()
    }, LAST_ANSWERS_MS).unref()
  }

  function bySecret(secret: string): Grant | null {
    const grant = byPrefix.get(prefixOf(secret) ?? '')
    if (grant === undefined || !isSecretOf(secret, grant.hash)) return null
    recent.set(secret, grant)
    if (recent.size > MOST_RECENT) recent.delete(recent.keys().next().value!)
    return grant
  }

  const sweeping = setInterval(() => {
    const now = Date.now()
    for (const grant of byPrefix.values()) if (isExpired(grant, now)) forget(grant)
  }, SWEEP_MS).unref()

  return {
    add(grant) {
      byPrefix.set(grant.prefix, grant)
      byViewer.set(grant.viewer, grant)
    },
    find(secret) {
      const grant = recent.get(secret) ?? bySecret(secret)
      if (grant === null) return null
      if (!isExpired(grant, Date.now())) return grant
      forget(grant)
      return null
    },
    end(tokenId) {
      for (const grant of [...byPrefix.values()])
        if (grant.viewer.tokenId === tokenId || grant.parentId === tokenId) forget(grant)
    },
    whenOver(viewer, callback) {
      const grant = byViewer.get(viewer)
      if (grant === undefined) {
        if (viewer.kind !== 'LOCAL') callback()
        return () => {}
      }
      let callbacks = connected.get(grant)
      if (callbacks === undefined) {
        callbacks = new Set()
        connected.set(grant, callbacks)
      }
      callbacks.add(callback)
      return () => {
        callbacks.delete(callback)
        if (callbacks.size === 0 && connected.get(grant) === callbacks) connected.delete(grant)
      }
    },
    sessionsOf: (ownerId, tokenId) =>
      [...byPrefix.values()].filter(
        ({ kind, viewer, parentId }) => kind === 'SESSION' && viewer.id === ownerId && parentId === tokenId,
      ),
    close: () => clearInterval(sweeping),
  }
}

function isExpired({ expiresAt }: Grant, now: number): boolean {
  return expiresAt !== null && expiresAt.getTime() <= now
}
