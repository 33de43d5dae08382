import { readable } from '../findings.ts'
import { ImportRefusedError } from '../refusal.ts'

/** A file of an origin: of an archive, or of a folder. */
export interface OriginFile {
  /** The names on the way to it, joined by slashes, in Unicode's normal form C: no folder above, no root. */
  readonly path: string
  /** As many as it claims to have. */
  readonly bytes: number
  /**
   * All of it: call it only where `bytes` is small.
   * @throws DamagedFileError, or what the system answers
   */
  read(): Promise<Uint8Array>
  /** The same piece by piece. */
  open(): AsyncIterable<Uint8Array>
}

/** What an origin holds. */
export interface Listing {
  readonly files: OriginFile[]
  /** Paths of folders that are entries of their own; those of files need not be among them. */
  readonly folders: string[]
}

/** One file of an origin cannot be read, and the others can. The message says why, as a sentence. */
export class DamagedFileError extends Error {
  override readonly name = 'DamagedFileError'
}

/** Says that something of an origin is left aside: `why` is a sentence. */
export type Skip = (path: string, why: string) => void

/** Files and folders together: a name and a place of each are kept in memory. */
const MAX_ENTRIES = 500_000
/** Of all names together. */
const MAX_NAMES_LENGTH = 64 * 1024 * 1024
const MAX_PATH_LENGTH = 1024
const MAX_DEPTH = 32

/** Takes the entries of an origin in, as far as there may be so many, and each once. */
export function createListing(skip: Skip): Listing & {
  /** Anything that an origin has, whatever becomes of it. */
  count(name: string): void
  add(file: OriginFile): void
  addFolder(path: string): void
} {
  const files: OriginFile[] = []
  const folders: string[] = []
  const seen = new Set<string>()
  let [entries, length] = [0, 0]
  return {
    files,
    folders,
    count(name) {
      entries++
      length += name.length
      if (entries > MAX_ENTRIES || length > MAX_NAMES_LENGTH) {
        throw new ImportRefusedError(`It holds more than ${MAX_ENTRIES} files: send fewer pictures.`)
      }
    },
    add(file) {
      if (seen.has(file.path)) {
        skip(file.path, 'A file of the same name came before: left out.')
        return
      }
      seen.add(file.path)
      files.push(file)
    },
    addFolder(path) {
      folders.push(path)
    },
  }
}

/**
 * The path that an entry's name means, if it is one that stays within the origin.
 * @param isPosix  whether a backslash is part of a name, as in folders of Linux: in archives it parts names
 */
export function readPath(name: string, isPosix = false): { path: string } | { unsafe: string } {
  if (name.length > MAX_PATH_LENGTH)
    return { unsafe: `Its path is longer than ${MAX_PATH_LENGTH} characters` }
  // biome-ignore lint/suspicious/noControlCharactersInRegex: what is looked for
  if (/[\0-\x1f\x7f]/.test(name)) return { unsafe: 'Its path holds control characters' }
  const text = isPosix ? name : name.replaceAll('\\', '/')
  if (text.startsWith('/')) return { unsafe: 'Its path is an absolute one' }
  if (/^[a-z]:/i.test(text)) return { unsafe: 'Its path begins with a drive' }
  const names = text.split('/').filter((part) => part !== '' && part !== '.')
  if (names.includes('..')) return { unsafe: 'Its path leads out of the archive' }
  if (names.length === 0) return { unsafe: 'It has no name' }
  if (names.length > MAX_DEPTH) return { unsafe: `It lies more than ${MAX_DEPTH} folders deep` }
  return { path: names.join('/').normalize('NFC') }
}

const utf8 = new TextDecoder('utf-8', { fatal: true })

/** A name that claims no encoding, or UTF-8: null where it is none. */
export function asUtf8(bytes: Uint8Array): string | null {
  try {
    return utf8.decode(bytes)
  } catch {
    return null
  }
}

/** For a finding: what is skipped is named as it is written, as far as that can be shown. */
export const shown = (name: string) => readable(name) || '(no name)'
