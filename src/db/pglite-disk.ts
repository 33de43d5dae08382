import { fdatasyncSync } from 'node:fs'
import { syncFolderNow } from '../storage/durable.ts'

/** The parts of emscripten's file system in Node that are touched: each file is one of Node's, reached as it is asked for. */
export interface Nodefs {
  stream_ops: Record<'open' | 'write', (stream: Stream, ...rest: unknown[]) => unknown> & {
    fsync?: (stream: Stream) => number
  }
  node_ops: Record<
    'mknod' | 'unlink' | 'rmdir' | 'symlink',
    (parent: FileNode, name: string, ...rest: unknown[]) => unknown
  > & {
    rename(node: FileNode, into: FileNode, name: string): unknown
    setattr(node: FileNode, attributes: object): unknown
  }
  /** Where a file is on this machine. */
  realPath(node: FileNode): string
  /** Runs it, and throws an error of the system as emscripten's own. */
  tryFSOperation<Result>(work: () => Result): Result
}
export interface Stream {
  /** /pglite/data/base/5/16385 */
  path: string
  node: FileNode
  /** Node's descriptor; a folder has none. */
  nfd?: number
}
interface FileNode {
  name: string
  parent: FileNode
}

/** PostgreSQL makes it before anything else, and it holds nothing that outlasts the process. */
export const LOCK_FILE = 'postmaster.pid'

export const DISK_SETTINGS = [
  // Emscripten's fdatasync, which PostgreSQL would take for its log, does nothing.
  'wal_sync_method=fsync',
]

/**
 * Gives PGlite 0.4.3 an fsync that reaches the disk: its own file system has none, so what PostgreSQL believes to be
 * safe is lost by a power cut. Before a file, the folders are synced in which names came or went since: PostgreSQL itself
 * leaves that to the file system where it makes the file of a table.
 *
 * What is there before is taken to be on the disk: PostgreSQL syncs a thousand files twice, one after the other, where
 * it was not shut down, and these calls are passed over.
 */
export function reachDisk(nodefs: Nodefs): void {
  const { stream_ops: streams, node_ops: nodes } = nodefs
  const changed = new Set<string>()
  let isUntouched = true
  const touch = (name: string) => {
    if (name !== LOCK_FILE) isUntouched = false
  }

  for (const change of ['mknod', 'unlink', 'rmdir', 'symlink'] as const) {
    const work = nodes[change]
    nodes[change] = (parent, name, ...rest) => {
      changed.add(nodefs.realPath(parent))
      touch(name)
      return work(parent, name, ...rest)
    }
  }
  const { rename, setattr } = nodes
  nodes.rename = (node, into, name) => {
    for (const folder of [node.parent, into]) changed.add(nodefs.realPath(folder))
    touch(name)
    return rename(node, into, name)
  }
  nodes.setattr = (node, attributes) => {
    touch(node.name)
    return setattr(node, attributes)
  }
  const { write } = streams
  streams.write = (stream, ...rest) => {
    touch(stream.node.name)
    return write(stream, ...rest)
  }

  streams.fsync = (stream) => {
    if (isUntouched) return 0
    nodefs.tryFSOperation(() => {
      for (const folder of changed) {
        syncFolderNow(folder)
        changed.delete(folder)
      }
      // Of a file's times nothing is wanted back, so its data and size are enough: a third of the time of fsync.
      if (stream.nfd === undefined) syncFolderNow(nodefs.realPath(stream.node))
      else fdatasyncSync(stream.nfd)
    })
    return 0
  }
}
