import { execFileSync } from 'node:child_process'
import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** What a process did to a file or folder below the recorded one; paths are relative to it. */
export type Deed =
  | { kind: 'create' | 'mkdir'; inode: number; path: string }
  | { kind: 'write'; inode: number; at: number; bytes: Uint8Array }
  | { kind: 'resize'; inode: number; length: number }
  | { kind: 'sync' | 'synced'; inode: number; sync: bigint }
  | { kind: 'rename' | 'link'; from: string; to: string }
  | { kind: 'unlink' | 'rmdir'; path: string }
  | { kind: 'symlink'; path: string; target: string }
  /** The test knew something at this moment. */
  | { kind: 'mark'; mark: unknown }

/** As in recorder.c. */
const [CREATE, WRITE, RESIZE, SYNC, SYNCED, MKDIR, RENAME, UNLINK, RMDIR, LINK, SYMLINK, MARK] = [
  1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12,
]
const HEADER_BYTES = 32

/** Only Linux has what records, and only there a compiler is sure to be. */
export const canRecord = process.platform === 'linux'

export interface Recorder {
  /** For the processes that are to be recorded. */
  readonly env: NodeJS.ProcessEnv
  /** Notes between their deeds what is known of them now: what was answered cannot be lost any more. */
  mark(mark: unknown): void
  /** All that was done since the beginning. */
  deeds(): Deed[]
  close(): void
}

/** @param folder  is there; what was in it before the recorded processes begin is on the disk */
export function startRecorder(folder: string): Recorder {
  const home = mkdtempSync(join(tmpdir(), 'vggzoo-power-'))
  const library = join(home, 'recorder.so')
  execFileSync('cc', [
    '-O1',
    '-shared',
    '-fPIC',
    '-o',
    library,
    join(import.meta.dirname, 'recorder.c'),
    '-ldl',
  ])
  const log = join(home, 'log')
  writeFileSync(log, '')
  return {
    env: {
      LD_PRELOAD: library,
      POWER_CUT_LOG: log,
      POWER_CUT_FOLDER: folder,
      // What goes that way passes libc by.
      UV_USE_IO_URING: '0',
    },
    mark(mark) {
      const data = Buffer.from(JSON.stringify(mark))
      const header = Buffer.alloc(HEADER_BYTES)
      header.writeUInt32LE(HEADER_BYTES + data.length, 0)
      header.writeUInt32LE(MARK, 4)
      appendFileSync(log, Buffer.concat([header, data]))
    },
    deeds: () => [...readDeeds(readFileSync(log))],
    close: () => rmSync(home, { recursive: true }),
  }
}

function* readDeeds(log: Buffer): Generator<Deed> {
  for (let start = 0; start < log.length; ) {
    const record = log.subarray(start, start + log.readUInt32LE(start))
    start += record.length
    const type = record.readUInt32LE(4)
    const inode = Number(record.readBigUInt64LE(8))
    const at = record.readBigUInt64LE(16)
    const [path, other] = [record.readUInt32LE(24), record.readUInt32LE(28)]
    const data = record.subarray(HEADER_BYTES + path + other)
    const text = record.toString('utf8', HEADER_BYTES, HEADER_BYTES + path)
    const second = record.toString('utf8', HEADER_BYTES + path, HEADER_BYTES + path + other)
    const both = () => {
      if (path === 0 || other === 0)
        throw new Error(`renamed across the border of the folder: ${text}${second}`)
      return { from: text, to: second }
    }
    if (type === CREATE || type === MKDIR) {
      yield { kind: type === CREATE ? 'create' : 'mkdir', inode, path: text }
    } else if (type === WRITE) yield { kind: 'write', inode, at: Number(at), bytes: data }
    else if (type === RESIZE) yield { kind: 'resize', inode, length: Number(at) }
    else if (type === SYNC || type === SYNCED) {
      yield { kind: type === SYNC ? 'sync' : 'synced', inode, sync: at }
    } else if (type === RENAME || type === LINK)
      yield { kind: type === RENAME ? 'rename' : 'link', ...both() }
    else if (type === UNLINK || type === RMDIR) {
      yield { kind: type === UNLINK ? 'unlink' : 'rmdir', path: text }
    } else if (type === SYMLINK) yield { kind: 'symlink', path: text, target: second }
    else if (type === MARK) yield { kind: 'mark', mark: JSON.parse(data.toString()) }
    else throw new Error(`a recorded process did what the recorder does not understand: ${text}`)
  }
}
