import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'

/** How long a link is good for: to begin with, not to end with. */
export const LINK_MINUTES = 10

/** Links to files for programs that have no token, and for whoever they are given to. */
export interface Links {
  /** The path with the moment until which it is good, and a signature of both. */
  sign(path: string): string
  /** Whether it was signed here, and is still good. */
  isGood(target: string): boolean
}

/** The key is the process's own: after a restart links are to be asked for again, and none is kept anywhere. */
export function createLinks(now: () => number = Date.now): Links {
  const key = randomBytes(32)
  const signatureOf = (path: string, expires: string) =>
    createHmac('sha256', key)
      .update(`${whole(path)}\n${expires}`)
      .digest()
  return {
    sign(path) {
      const expires = String(Math.floor(now() / 1000) + LINK_MINUTES * 60)
      const signature = signatureOf(path, expires).toString('base64url')
      return `${path}?${new URLSearchParams({ expires, signature })}`
    },
    isGood(target) {
      const { pathname, searchParams } = new URL(target, 'http://localhost')
      const [expires, signature] = [searchParams.get('expires'), searchParams.get('signature')]
      if (expires === null || signature === null || !(Number(expires) * 1000 > now())) return false
      const given = Buffer.from(signature, 'base64url')
      const right = signatureOf(pathname, expires)
      return given.length === right.length && timingSafeEqual(given, right)
    },
  }
}

/** A LayersModel is one thing in several files: TensorFlow.js asks for the others with the query of the first. */
function whole(path: string): string {
  return path.replace(/\/layers-model\/[^/]*$/, '/layers-model/')
}
