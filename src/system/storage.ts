import type { Dirent } from 'node:fs'
import { lstat, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { diskOf } from '../storage/room.ts'

/** What takes room in DATA_DIR. */
export const STORED = ['DATABASE', 'WEIGHTS', 'DERIVED', 'DATASETS', 'UPLOADS', 'OTHER'] as const
export type Stored = (typeof STORED)[number]

/** By the path within DATA_DIR; the first that fits. */
const PATHS: readonly [RegExp, Stored][] = [
  [/^database\//, 'DATABASE'],
  [/^artifacts\/[0-9a-f]{64}\.safetensors$/, 'WEIGHTS'],
  [/^artifacts\//, 'DERIVED'],
  [/^datasets\/(imports|uploads)\//, 'UPLOADS'],
  [/^datasets\//, 'DATASETS'],
  [/^uploads\//, 'UPLOADS'],
]

export interface Storage {
  /** Of the disk of DATA_DIR, in bytes: what the server may still write, and all. */
  free: number
  size: number
  /** What takes how many bytes, the most first; nothing that takes none. */
  parts: { what: Stored; bytes: number; files: number }[]
}

/** Files are counted again after so long: thousands of them take a moment. */
const KEPT_MS = 5000
/** Of st_blocks, whatever the file system's own are (stat(2)). */
const BLOCK_BYTES = 512

/** Measures what takes room in the data folder. */
export function createStorageMeter(folder: string): () => Promise<Storage> {
  let measured: { at: number; parts: Promise<Storage['parts']> } | undefined
  return async () => {
    const now = performance.now()
    if (measured === undefined || now - measured.at > KEPT_MS) measured = { at: now, parts: measure(folder) }
    return { ...diskOf(folder), parts: await measured.parts }
  }
}

async function measure(folder: string): Promise<Storage['parts']> {
  const parts = STORED.map((what) => ({ what, bytes: 0, files: 0 }))
  for await (const path of filesBelow(folder, '')) {
    // It may be gone since it was listed.
    const stats = await lstat(join(folder, path)).catch(() => null)
    if (stats === null) continue
    const found = PATHS.find(([pattern]) => pattern.test(path))?.[1] ?? 'OTHER'
    const part = parts.find(({ what }) => what === found)!
    // Blocks, and not its size: a file may have holes.
    part.bytes += stats.blocks * BLOCK_BYTES
    part.files += 1
  }
  return parts.filter(({ files }) => files > 0).sort((one, other) => other.bytes - one.bytes)
}

/** Their paths within the folder. */
async function* filesBelow(folder: string, path: string): AsyncIterable<string> {
  for (const entry of await entriesOf(join(folder, path))) {
    const inner = `${path}${entry.name}`
    if (entry.isDirectory()) yield* filesBelow(folder, `${inner}/`)
    else yield inner
  }
}

async function entriesOf(folder: string): Promise<Dirent[]> {
  try {
    return await readdir(folder, { withFileTypes: true })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
}
