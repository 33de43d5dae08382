import type { Listing, OriginFile, Skip } from '../origin/listing.ts'
import { kindOf, whyNot } from './kinds.ts'
import { type Candidate, type Layout, readPicture } from './layout.ts'
import { type Part, partNamed, splitOf, toldOfValidation } from './split-names.ts'

/** A folder with what lies in it. */
interface Folder {
  files: OriginFile[]
  folders: Map<string, Folder>
}

function treeOf({ files, folders }: Listing): Folder {
  const root: Folder = { files: [], folders: new Map() }
  const at = (names: readonly string[]) => {
    let folder = root
    for (const name of names) {
      let inner = folder.folders.get(name)
      if (inner === undefined) {
        inner = { files: [], folders: new Map() }
        folder.folders.set(name, inner)
      }
      folder = inner
    }
    return folder
  }
  for (const path of folders) at(path.split('/'))
  for (const file of files) at(file.path.split('/').slice(0, -1)).files.push(file)
  return root
}

const isPicture = (file: OriginFile) => kindOf(file) === 'picture'
const maybePicture = (file: OriginFile) => isPicture(file) || kindOf(file) === 'unnamed'

/** Takes the wrapping of folders away that hold one folder, which itself holds several, or one and no picture. */
function unwrapped(folder: Folder): { folder: Folder; around: OriginFile[] } {
  const around: OriginFile[] = []
  let inner = folder
  while (inner.folders.size === 1) {
    const [only] = inner.folders.values()
    const isWrapping = only!.folders.size > 1 || (only!.folders.size === 1 && !only!.files.some(isPicture))
    if (!isWrapping) break
    around.push(...inner.files)
    inner = only!
  }
  return { folder: inner, around }
}

/**
 * A folder for each class, or folders for training, testing and validation with such folders in them; whatever lies
 * below a class's folder is of that class. Null where there are no folders with pictures.
 */
export function foldersLayout(listing: Listing, skip: Skip): Layout | null {
  const { folder: root, around } = unwrapped(treeOf(listing))
  const parts = partsOf(root)
  const roots: { folder: Folder; part: Part | null }[] = parts ?? [{ folder: root, part: null }]
  const strays = [...around]
  const sources: { file: OriginFile; label: string; part: Part | null }[] = []
  const named = new Set<string>()
  for (const { folder, part } of roots) {
    const { folder: classes, around: wrapping } = unwrapped(folder)
    strays.push(...wrapping, ...classes.files)
    for (const [label, inner] of classes.folders) {
      named.add(label)
      for (const file of filesBelow(inner)) sources.push({ file, label, part })
    }
  }
  if (!sources.some(({ file }) => maybePicture(file))) return null
  for (const file of strays) {
    skip(file.path, maybePicture(file) ? "It lies in no class's folder: left out." : whyNot(file))
  }
  if (parts !== null) {
    const known = new Set(parts.map(({ folder }) => folder))
    for (const folder of root.folders.values()) {
      if (known.has(folder)) continue
      for (const { path } of filesBelow(folder))
        skip(path, 'It lies beside the folders for training and testing: left out.')
    }
    for (const { path } of root.files)
      skip(path, 'It lies beside the folders for training and testing: left out.')
  }
  const kept = sources.filter(({ file }) => {
    if (maybePicture(file)) return true
    skip(file.path, whyNot(file))
    return false
  })
  const kinds = new Set(kept.flatMap(({ part }) => (part === null ? [] : [part])))
  const words =
    parts === null
      ? 'a folder for each class'
      : `folders for ${listed([...kinds])}, with a folder for each class in each${toldOfValidation(kinds)}`
  return {
    words,
    classes: null,
    named: [...named],
    total: kept.length,
    isOrdered: false,
    *candidates(): Generator<Candidate, void> {
      for (const { file, label, part } of kept) {
        yield {
          path: file.path,
          label,
          split: part === null ? null : splitOf(part, kinds.has('test')),
          picture: () => readPicture(file),
          isGuess: !isPicture(file),
        }
      }
    },
  }
}

/** Folders for training and for testing or validation, if that is how they are parted. */
function partsOf(root: Folder): { folder: Folder; part: Part }[] | null {
  const parts = [...root.folders].flatMap(([name, folder]) => {
    const part = partNamed(name)
    return part === null || folder.folders.size === 0 ? [] : [{ folder, part }]
  })
  const kinds = new Set(parts.map(({ part }) => part))
  return kinds.has('train') && (kinds.size > 1 || root.folders.size === 1) ? parts : null
}

function* filesBelow(folder: Folder): Generator<OriginFile, void> {
  yield* folder.files
  for (const inner of folder.folders.values()) yield* filesBelow(inner)
}

const WORDS: Record<Part, string> = { train: 'training', test: 'testing', validation: 'validation' }

function listed(parts: Part[]): string {
  const words = (['train', 'validation', 'test'] as const)
    .filter((part) => parts.includes(part))
    .map((part) => WORDS[part])
  return words.length < 2 ? words.join('') : `${words.slice(0, -1).join(', ')} and ${words.at(-1)}`
}
