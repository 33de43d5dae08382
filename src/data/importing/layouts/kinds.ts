import type { Listing, OriginFile, Skip } from '../origin/listing.ts'

/** Endings of the files that a person would call pictures, those included that are refused with a reason. */
const PICTURES = new Set(
  'jpg jpeg jpe jfif png apng webp gif avif tif tiff bmp dib heic heif jxl jp2 j2k jpf jxr ico svg psd tga pbm pgm ppm pnm exr hdr dng cr2 cr3 nef arw raf orf rw2'.split(
    ' ',
  ),
)
const ARCHIVES = new Set('zip tar tgz gz bz2 xz 7z rar zst tbz txz'.split(' '))

const nameOf = (path: string) => path.slice(path.lastIndexOf('/') + 1)

/** What follows the last dot of a name, in lower case; empty without one. */
export function endingOf(path: string): string {
  const name = nameOf(path)
  const dot = name.lastIndexOf('.')
  return dot <= 0 ? '' : name.slice(dot + 1).toLowerCase()
}

export type FileKind = 'picture' | 'unnamed' | 'archive' | 'other'

/** By its name alone: a file without an ending, or with one that is a number, may be a picture. */
export function kindOf({ path }: Pick<OriginFile, 'path'>): FileKind {
  const ending = endingOf(path)
  if (PICTURES.has(ending)) return 'picture'
  if (ARCHIVES.has(ending)) return 'archive'
  return ending === '' || /^\d+$/.test(ending) ? 'unnamed' : 'other'
}

/** Why a file that is in no picture's place, or no picture, is left aside. */
export function whyNot(file: Pick<OriginFile, 'path'>): string {
  return kindOf(file) === 'archive'
    ? 'An archive within: left out. Unpack it, and send what it holds.'
    : 'No picture by its name: left out.'
}

/** What systems and programs leave beside pictures. */
const LITTER =
  /^(__MACOSX|Thumbs\.db|ehthumbs\.db|desktop\.ini|@eaDir|\$RECYCLE\.BIN|System Volume Information|lost\+found)$/i

/** The listing without hidden files and what systems leave behind. */
export function withoutLitter({ files, folders }: Listing, skip: Skip): Listing {
  const isLitter = (path: string) => path.split('/').some((name) => name.startsWith('.') || LITTER.test(name))
  return {
    files: files.filter(({ path }) => {
      if (!isLitter(path)) return true
      skip(path, 'Hidden, or left behind by a system: left out.')
      return false
    }),
    folders: folders.filter((path) => !isLitter(path)),
  }
}
