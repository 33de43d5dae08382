/*
 * A backup is a .tar:
 *
 *   backup.json                      first: BackupFacts
 *   database/...                     the embedded database's files at one moment; or
 *   database.dump                    another database, as pg_dump has written it
 *   artifacts/DIGEST.safetensors     every file of weights that a row of the database names
 *   datasets/pets@2.bin              the prepared files of data sets that people made
 *   datasets/imports/ID/given/...    what was sent for data sets that are still to be imported
 *   SHA256SUMS                       last: of all files before it, as `sha256sum -c` reads it
 *
 * One that could not be made to its end has FAILED in the place of SHA256SUMS, with the reason.
 */

export const FORMAT = 1
export const FACTS = 'backup.json'
export const SUMS = 'SHA256SUMS'
export const FAILED = 'FAILED'

export interface BackupFacts {
  format: number
  /** The version of vggzoo that made it. */
  vggzoo: string
  /** The moment that all of it is of. */
  at: string
  database: 'pglite' | 'postgres'
  /** The newest migration of the database: who does not know it cannot use it. */
  migration: string
  /** How long the server's database stood still for it. */
  pausedMs: number
  /** Those of the database, of weights and of data sets, and their bytes together. */
  files: number
  bytes: number
}

/** The backup is none, not whole, or cannot be made or put back. One line for a person. */
export class BackupError extends Error {
  override readonly name = 'BackupError'
}

/** What a backup may have in it. */
const PATH = /^(database|artifacts|datasets)(\/[\w.@-]+)*$|^database\.dump$/

/** Whether a path of an archive stays in the folder that it is unpacked into, and is one of ours. */
export function isContent(path: string): boolean {
  return PATH.test(path) && !path.split('/').some((part) => /^\.+$/.test(part))
}

/** As `sha256sum` writes them. */
export function sumsOf(digests: ReadonlyMap<string, string>): string {
  return [...digests].map(([path, digest]) => `${digest}  ${path}\n`).join('')
}

export function readSums(text: string): Map<string, string> {
  const lines = text.split('\n').filter((line) => line !== '')
  return new Map(lines.map((line) => [line.slice(66), line.slice(0, 64)]))
}
