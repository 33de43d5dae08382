import type { Placed } from './tar.ts'

/** What a person gave to make a data set of. */
export type Given =
  /** An archive; or a file that the server is to tell about. */
  | { kind: 'archive'; file: File }
  /** Folders with all that is in them. */
  | { kind: 'folders'; files: readonly Placed[]; title: string }
  /** Pictures that lay in no folder; each group is of one class. */
  | { kind: 'pictures'; groups: readonly Group[] }

export interface Group {
  label: string
  files: readonly File[]
}

const ARCHIVE = /\.(zip|tar|tar\.gz|tgz)$/i

/** What was given, with what was given before where both are parts of the same. Or what is wrong with it, in a sentence. */
export function give(
  before: Given | null,
  files: readonly File[],
  placed: readonly Placed[],
): Given | string {
  if (placed.length > 0) {
    const earlier = before?.kind === 'folders' ? before.files : []
    const known = new Set(placed.map(({ path }) => path))
    const all = [...earlier.filter(({ path }) => !known.has(path)), ...placed]
    const tops = new Set(all.map(({ path }) => path.split('/')[0]!))
    return { kind: 'folders', files: all, title: tops.size === 1 ? [...tops][0]! : 'pictures' }
  }
  const pictures = files.filter(({ type }) => type.startsWith('image/'))
  if (pictures.length > 0) {
    const groups = before?.kind === 'pictures' ? before.groups : []
    return { kind: 'pictures', groups: [...groups, { label: '', files: pictures }] }
  }
  const [file, ...others] = files.filter(({ name }) => files.length === 1 || ARCHIVE.test(name))
  if (others.length > 0) return 'One archive at a time: each becomes a data set of its own.'
  return file === undefined ? 'There is no picture, folder or archive in it.' : { kind: 'archive', file }
}

export function bytesOf(given: Given): number {
  const sum = (files: readonly File[]) => files.reduce((total, { size }) => total + size, 0)
  if (given.kind === 'archive') return given.file.size
  return given.kind === 'folders'
    ? sum(given.files.map(({ file }) => file))
    : given.groups.reduce((total, { files }) => total + sum(files), 0)
}

export function titleOf(given: Given): string {
  if (given.kind === 'archive') return given.file.name
  return given.kind === 'folders' ? given.title : 'pictures'
}

const MAX_NAME = 40

/** A name for a data set, as inputs take it, from what a file or folder is called; one that no other has. */
export function nameFor(title: string, taken: ReadonlySet<string>): string {
  const plain = title
    .replace(ARCHIVE, '')
    .normalize('NFKD')
    .replace(/\p{M}/gu, '')
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '_')
    .replace(/^[^a-z]+|_+$/g, '')
  const base = plain === '' ? 'pictures' : plain
  for (let number = 1; ; number++) {
    const end = number === 1 ? '' : `_${number}`
    const name = base.slice(0, MAX_NAME - end.length) + end
    if (!taken.has(name)) return name
  }
}

/** Everything below folders that were dropped, with its path. */
export async function readFolders(folders: readonly FileSystemDirectoryEntry[]): Promise<Placed[]> {
  const found: Placed[] = []
  const walk = async (folder: FileSystemDirectoryEntry): Promise<void> => {
    const reader = folder.createReader()
    for (;;) {
      // It gives a hundred at a time.
      const entries = await new Promise<FileSystemEntry[]>((resolve, reject) =>
        reader.readEntries(resolve, reject),
      )
      if (entries.length === 0) return
      for (const entry of entries) {
        if (entry.isDirectory) await walk(entry as FileSystemDirectoryEntry)
        else {
          const file = await new Promise<File>((resolve, reject) =>
            (entry as FileSystemFileEntry).file(resolve, reject),
          )
          found.push({ path: entry.fullPath.replace(/^\//, ''), file })
        }
      }
    }
  }
  for (const folder of folders) await walk(folder)
  return found
}

/** Files of a folder that was chosen in a dialogue, with their paths. */
export function placedOf(files: readonly File[]): Placed[] {
  return files.map((file) => ({ path: file.webkitRelativePath || file.name, file }))
}
