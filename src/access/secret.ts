import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'

/** A secret that was just made. Nobody keeps it but who asked for it. */
export interface Secret {
  text: string
  /** Its beginning, which is no secret: it names the row, and tells people and scanners of leaks what they have before them. */
  prefix: string
  hash: Uint8Array<ArrayBuffer>
}

const BEGINNING = { TOKEN: 'vgz', SESSION: 'vgs' } as const
export type SecretKind = keyof typeof BEGINNING

/** 48 bits, to tell tokens apart, and 256 bits that nobody guesses. */
const SECRET = /^(vg[zs]_[0-9a-f]{12})_[\w-]{43}$/

/** `vgz_3f9a1c04b2de_...` */
export function makeSecret(kind: SecretKind): Secret {
  const prefix = `${BEGINNING[kind]}_${randomBytes(6).toString('hex')}`
  const text = `${prefix}_${randomBytes(32).toString('base64url')}`
  return { text, prefix, hash: hashOf(text) }
}

/** Null for what cannot be a secret of ours. */
export function prefixOf(text: string): string | null {
  return SECRET.exec(text)?.[1] ?? null
}

export function isSecretOf(text: string, hash: Uint8Array): boolean {
  return timingSafeEqual(hashOf(text), hash)
}

/**
 * One round of SHA-256 is enough: 256 random bits cannot be found by trying, however fast each try is. Slow hashes are for
 * what people think up.
 */
function hashOf(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(createHash('sha256').update(text).digest())
}
