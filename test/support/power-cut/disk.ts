import {
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { basename, dirname, join } from 'node:path'
import type { Deed } from './recording.ts'

/** What happened to a file's bytes, or a folder's names, and may not be on the disk yet. */
interface Pending<Change> {
  /** Of all changes, in the order in which they were made. */
  number: number
  change: Change
}
type DataChange = { at: number; bytes: Uint8Array } | { length: number }
/** Both in one, or the disk has neither: a rename within a folder. */
interface NameChange {
  removed: string | null
  added: [name: string, node: Node] | null
}

interface File {
  kind: 'file'
  /** What the disk has for sure; more than `size` bytes of room. */
  bytes: Uint8Array
  size: number
  pending: Pending<DataChange>[]
}
interface Folder {
  kind: 'folder'
  /** On the disk for sure. */
  safe: Map<string, Node>
  /** As running processes see it. */
  now: Map<string, Node>
  pending: Pending<NameChange>[]
}
interface Link {
  kind: 'link'
  target: string
}
type Node = File | Folder | Link

/**
 * A folder on a disk, of which only what was synced is sure to be there after a power cut: a file's bytes by a sync of the
 * file, its name by one of its folder. Of all else the disk may have any part, in pieces and in another order than it was
 * done in.
 */
export interface RecordedDisk {
  play(deed: Deed): void
  /**
   * Makes a folder of what the disk may hold if the power is cut now.
   * @param target  is not there yet
   * @param random  from 0 to less than 1: which of the many it is
   */
  rebuild(target: string, random: () => number): void
}

/** @param folder  as it is before anything that is played, all of it on the disk */
export function readDisk(folder: string): RecordedDisk {
  const byInode = new Map<number, Node>()
  const root = read(folder) as Folder
  const syncs = new Map<bigint, { node: Node; before: number }>()
  let changes = 0

  function read(path: string): Node {
    const { ino } = lstatSync(path)
    const known = byInode.get(ino)
    if (known !== undefined) return known
    const node = readNode(path)
    byInode.set(ino, node)
    return node
  }
  function readNode(path: string): Node {
    const stat = lstatSync(path)
    if (stat.isSymbolicLink()) return { kind: 'link', target: readlinkSync(path) }
    if (!stat.isDirectory()) {
      const bytes = stat.isFile() ? readFileSync(path) : new Uint8Array()
      return { kind: 'file', bytes, size: bytes.length, pending: [] }
    }
    const names = new Map(readdirSync(path).map((name) => [name, read(join(path, name))]))
    return { kind: 'folder', safe: names, now: new Map(names), pending: [] }
  }

  function folderOf(path: string): Folder {
    let node: Node | undefined = root
    for (const name of dirname(path).split('/')) {
      if (name !== '.') node = (node as Folder).now.get(name)
    }
    if (node?.kind !== 'folder') throw new Error(`nobody made the folder of ${path}`)
    return node
  }
  function nodeAt(path: string): Node | undefined {
    return path === '' ? root : folderOf(path).now.get(basename(path))
  }
  function rename(folder: Folder, number: number, change: NameChange): void {
    if (change.removed !== null) folder.now.delete(change.removed)
    if (change.added !== null) folder.now.set(...change.added)
    folder.pending.push({ number, change })
  }
  function add(path: string, node: Node, inode?: number): void {
    if (inode !== undefined) byInode.set(inode, node)
    rename(folderOf(path), ++changes, { removed: null, added: [basename(path), node] })
  }
  function move(from: string, to: string): void {
    const [before, after] = [folderOf(from), folderOf(to)]
    const added: [string, Node] = [basename(to), nodeAt(from)!]
    const number = ++changes
    if (before === after) rename(after, number, { removed: basename(from), added })
    else {
      rename(after, number, { removed: null, added })
      rename(before, number, { removed: basename(from), added: null })
    }
  }
  function change(inode: number, made: DataChange): void {
    const { pending } = known(inode) as File
    pending.push({ number: ++changes, change: made })
  }
  function known(inode: number): Node {
    const node = byInode.get(inode)
    if (node === undefined) throw new Error(`nobody made the file of inode ${inode}`)
    return node
  }

  function play(deed: Deed): void {
    switch (deed.kind) {
      case 'create':
        add(deed.path, { kind: 'file', bytes: new Uint8Array(), size: 0, pending: [] }, deed.inode)
        break
      case 'mkdir':
        add(deed.path, { kind: 'folder', safe: new Map(), now: new Map(), pending: [] }, deed.inode)
        break
      case 'symlink':
        add(deed.path, { kind: 'link', target: deed.target })
        break
      case 'link':
        add(deed.to, nodeAt(deed.from)!)
        break
      case 'unlink':
      case 'rmdir':
        // The file of a socket was not recorded.
        if (nodeAt(deed.path) === undefined) break
        rename(folderOf(deed.path), ++changes, { removed: basename(deed.path), added: null })
        break
      case 'rename':
        move(deed.from, deed.to)
        break
      case 'write':
        change(deed.inode, { at: deed.at, bytes: deed.bytes })
        break
      case 'resize':
        change(deed.inode, { length: deed.length })
        break
      case 'sync':
        syncs.set(deed.sync, { node: known(deed.inode), before: changes })
        break
      case 'synced': {
        const { node, before } = syncs.get(deed.sync)!
        syncs.delete(deed.sync)
        settle(node, before)
      }
    }
  }

  function rebuild(target: string, random: () => number): void {
    const isThere = choose(root, changes, random)
    const made = new Map<Node, string>()
    function write(node: Node, path: string): void {
      const other = made.get(node)
      // No disk has a folder twice.
      if (other !== undefined && node.kind === 'folder') return
      if (other !== undefined) {
        linkSync(other, path)
        return
      }
      made.set(node, path)
      if (node.kind === 'link') symlinkSync(node.target, path)
      else if (node.kind === 'file') writeFileSync(path, contentOf(node, random))
      else {
        mkdirSync(path)
        const names = new Map(node.safe)
        for (const { number, change } of node.pending) if (isThere(number)) applyNames(names, change)
        for (const [name, child] of names) write(child, join(path, name))
      }
    }
    write(root, target)
  }

  return { play, rebuild }
}

/** What was done before the sync began is on the disk. */
function settle(node: Node, before: number): void {
  if (node.kind === 'link') return
  const left = node.pending.findIndex(({ number }) => number > before)
  const safe = node.pending.splice(0, left < 0 ? node.pending.length : left)
  if (node.kind === 'folder') for (const { change } of safe) applyNames(node.safe, change as NameChange)
  else for (const { change } of safe) applyData(node, change as DataChange)
}

function applyNames(names: Map<string, Node>, { removed, added }: NameChange): void {
  if (removed !== null) names.delete(removed)
  if (added !== null) names.set(...added)
}

function applyData(file: File, change: DataChange): void {
  if ('length' in change) {
    file.bytes.fill(0, change.length)
    file.size = change.length
    return
  }
  file.bytes = withRoom(file.bytes, change.at + change.bytes.length)
  file.bytes.set(change.bytes, change.at)
  file.size = Math.max(file.size, change.at + change.bytes.length)
}

function withRoom(bytes: Uint8Array, size: number): Uint8Array {
  if (size <= bytes.length) return bytes
  const larger = new Uint8Array(Math.max(size, bytes.length * 2))
  larger.set(bytes)
  return larger
}

/** Which changes of names the disk has: those before a moment, as a journal keeps them, or any. */
function choose(root: Folder, changes: number, random: () => number): (number: number) => boolean {
  const kind = random()
  if (kind < 0.2) return () => false
  if (kind < 0.4) return () => true
  if (kind < 0.7) {
    const numbers = pendingNames(root).sort((a, b) => a - b)
    const last = numbers[Math.floor(random() * numbers.length)] ?? changes
    return (number) => number <= last
  }
  const chosen = new Map<number, boolean>()
  return (number) => {
    if (!chosen.has(number)) chosen.set(number, random() < 0.5)
    return chosen.get(number)!
  }
}

function pendingNames(folder: Folder): number[] {
  const below = [...folder.now.values()].flatMap((node) => (node.kind === 'folder' ? pendingNames(node) : []))
  return [...folder.pending.map(({ number }) => number), ...below]
}

/** A disk writes sectors of 512 bytes, and a system pages of 4096. */
const GRAINS = [512, 4096]

/** The bytes that the disk may have: each piece as it was at some moment since the last sync, and so the size. */
function contentOf(file: File, random: () => number): Uint8Array {
  const { pending } = file
  const count = pending.length
  if (count === 0) return file.bytes.subarray(0, file.size)
  const kind = random()
  const moment = () => Math.floor(random() * (count + 1))
  const [grain, same] = [GRAINS[random() < 0.5 ? 0 : 1]!, kind < 0.2 ? 0 : kind < 0.4 ? count : moment()]
  const moments = new Map<number, number>()
  const momentOf = (piece: number) => {
    if (kind < 0.6) return same
    if (!moments.has(piece)) moments.set(piece, random() < 0.5 ? (random() < 0.5 ? 0 : count) : moment())
    return moments.get(piece)!
  }
  const ends = pending.map(({ change }) => ('length' in change ? 0 : change.at + change.bytes.length))
  const bytes = new Uint8Array(Math.max(file.size, ...ends))
  bytes.set(file.bytes.subarray(0, file.size))
  const sizes = [file.size]
  for (const [i, { change }] of pending.entries()) {
    const isResize = 'length' in change
    const [from, to] = isResize ? [change.length, bytes.length] : [change.at, ends[i]!]
    sizes.push(isResize ? change.length : Math.max(sizes.at(-1)!, to))
    for (let at = from; at < to; ) {
      const piece = Math.floor(at / grain)
      const end = Math.min(to, (piece + 1) * grain)
      if (i < momentOf(piece)) {
        if (isResize) bytes.fill(0, at, end)
        else bytes.set(change.bytes.subarray(at - from, end - from), at)
      }
      at = end
    }
  }
  const size = sizes[kind < 0.6 ? same : moment()]!
  const content = new Uint8Array(size)
  content.set(bytes.subarray(0, size))
  return content
}
