import { createHmac, randomBytes } from 'node:crypto'
import type { Question } from '../../../access/openid/provider.ts'

/** Somebody who is at a provider's page to sign in. */
export interface Attempt extends Question {
  /** What the browser keeps meanwhile: it tells nothing of the rest. */
  kept: string
  /** Path of this server that the person came from. */
  to: string
}

export interface Attempts {
  begin(to: string): Attempt
  /** Null for what was not kept of an attempt, or for too long. What was altered is the attempt of nobody: its state is another. */
  resume(kept: string | null): Attempt | null
}

export const ATTEMPT_SECONDS = 10 * 60

const KEPT = /^(\d{1,12})\.[\w-]{22}\.(\/.*)$/

/**
 * The browser keeps all of an attempt, and the server none: nobody fills its memory by beginning. What the provider
 * gets to see is made of that with the process's own key, so an attempt ends with the process.
 */
export function createAttempts(now: () => number = Date.now): Attempts {
  const key = randomBytes(32)
  function attemptOf(kept: string, to: string): Attempt {
    const made = (purpose: string) =>
      createHmac('sha256', key).update(`${purpose}\n${kept}`).digest('base64url')
    return { kept, to, state: made('state'), nonce: made('nonce'), verifier: made('verifier') }
  }
  return {
    begin(to) {
      const until = Math.floor(now() / 1000) + ATTEMPT_SECONDS
      return attemptOf(`${until}.${randomBytes(16).toString('base64url')}.${to}`, to)
    },
    resume(kept) {
      const [, until, to] = KEPT.exec(kept ?? '') ?? []
      if (kept === null || to === undefined || Number(until) * 1000 <= now()) return null
      return attemptOf(kept, to)
    },
  }
}
