import { writeSync } from 'node:fs'
import type { Extension } from '@electric-sql/pglite'
import { type Nodefs, reachDisk } from './pglite-disk.ts'
import type { WriteAheadLog } from './write-ahead-log.ts'

/** What emscripten's file system throws: errno as WASI numbers it. */
const ERRNO: Readonly<Record<number, string>> = { 19: 'EDQUOT', 29: 'EIO', 51: 'ENOSPC', 69: 'EROFS' }
const ENOSPC = 51
/** The status that PGlite leaves its main loop with when a statement failed. */
const STATEMENT_FAILED = 100

/** The parts of emscripten's module that are watched. */
interface Module {
  /** Runs what came over the protocol, until the next statement. */
  _PostgresMainLoopOnce(): void
  FS: { ErrnoError: new (errno: number) => Error; filesystems: { NODEFS: Nodefs } }
}

export interface PGliteGuard {
  readonly extension: Extension
  /** The code of the disk's answer (ENOSPC) that the last statement met, or null. Forgets it. */
  takeFailure(): string | null
  /** Why PostgreSQL panicked before it ran; null when it did not. */
  readonly panic: string | null
}

/**
 * Watches a PGlite 0.4.3 from below. A PostgreSQL that panics aborts its WebAssembly; PGlite calls that again and
 * again, for ever. So a panic while statements run ends the thread, and with it the process, with a line that says why: what was acknowledged is in the log, and the next start replays it.
 *
 * @param end  gets the reason, and does not return
 */
export function guardPGlite(wal: WriteAheadLog, end: (reason: string) => never): PGliteGuard {
  let said = ''
  let failure: string | null = null
  let panic: string | null = null
  let running = false

  function died(what: string): void {
    panic = said || what
    // A start that fails throws by itself.
    if (running) end(panic)
  }

  function loop(once: () => void): () => void {
    return () => {
      running = true
      try {
        once()
      } catch (error) {
        if ((error as { status?: number }).status !== STATEMENT_FAILED) died(String(error))
        throw error
      } finally {
        running = false
      }
    }
  }

  /** Notes what the disk answers. */
  function watched<Args extends unknown[], Result>(work: (...args: Args) => Result) {
    return (...args: Args): Result => {
      try {
        return work(...args)
      } catch (error) {
        const { errno } = error as { errno?: number }
        if (errno !== undefined && errno in ERRNO) failure = ERRNO[errno]!
        throw error
      }
    }
  }

  function watch(module: Module): void {
    const { ErrnoError } = module.FS
    const { NODEFS } = module.FS.filesystems
    const { stream_ops: streams, node_ops: nodes } = NODEFS
    reachDisk(NODEFS)
    streams.fsync = watched(streams.fsync!)
    nodes.mknod = watched(nodes.mknod)
    nodes.setattr = watched(nodes.setattr)
    streams.open = watched(streams.open)
    const { write } = streams
    streams.write = watched((stream, ...rest) => {
      const [, folder, name = ''] = /\/(\w+)\/([^/]+)$/.exec(stream.path) ?? []
      // Room is gone while a statement runs that needs much: it fails, where the next segment would be a panic.
      if (wal.isShort && !wal.isCheckpointing && stream.path.includes('/base/')) throw new ErrnoError(ENOSPC)
      if (folder === 'pg_wal') wal.written(name)
      return write(stream, ...rest)
    })
    let main = loop(module._PostgresMainLoopOnce)
    // Emscripten puts another function here when it is first called.
    Object.defineProperty(module, '_PostgresMainLoopOnce', {
      get: () => main,
      set: (once: () => void) => {
        main = loop(once)
      },
    })
  }

  return {
    extension: {
      name: 'guard',
      setup: async (_pg, options) => ({
        emscriptenOpts: {
          ...options,
          onAbort: (what: unknown) => died(String(what)),
          printErr: (line: string) => {
            const [, message] = /(?:PANIC|FATAL):\s+(.*)/.exec(line) ?? []
            if (message !== undefined) said = message
          },
          preRun: [...options.preRun, watch],
        },
      }),
    },
    takeFailure() {
      const code = failure
      failure = null
      return code
    },
    get panic() {
      return panic
    },
  }
}

/** Whoever started the thread ends the process: neither the server's log nor its farewell gets to run. */
export function endThread(line: string): never {
  writeSync(2, `${line}\n`)
  process.exit(1)
}
