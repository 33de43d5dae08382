import { byName } from '../class-names.ts'
import { readable } from '../findings.ts'
import type { Listing, Skip } from '../origin/listing.ts'
import type { LabelKind } from '../protocol.ts'
import { ImportRefusedError } from '../refusal.ts'
import { cifarLayout, noCoarseLabels } from './cifar.ts'
import { csvLayout } from './csv.ts'
import { foldersLayout } from './folders.ts'
import { idxLayout } from './idx.ts'
import { kindOf, withoutLitter } from './kinds.ts'
import type { Layout } from './layout.ts'

const LAYOUTS =
  "a folder for each class; folders train and test (and val) with such folders in them; pictures and a .csv with their paths and labels; the binary files of CIFAR-10 or CIFAR-100; MNIST's IDX files"

/**
 * The layout of an origin, by what is there.
 * @param skip  told of every file that is none of the layout's
 * @param labels  which of the labels, where a layout has several for an image
 * @throws ImportRefusedError where there is none, with what was found, or where it has no such labels
 */
export async function recogniseLayout(all: Listing, skip: Skip, labels: LabelKind | null): Promise<Layout> {
  const listing = withoutLitter(all, skip)
  // Whatever order an archive or a file system lists them in.
  listing.files.sort((one, other) => byName(one.path, other.path))
  listing.folders.sort(byName)
  const cifar = await cifarLayout(listing, skip, labels)
  if (cifar !== null) return cifar
  const layout =
    (await idxLayout(listing, skip)) ?? (await csvLayout(listing, skip)) ?? foldersLayout(listing, skip)
  if (layout !== null && labels === 'COARSE') throw new ImportRefusedError(noCoarseLabels(layout.words))
  if (layout !== null) return layout
  throw new ImportRefusedError(
    `No layout of a data set was recognised: ${found(listing)}. There may be: ${LAYOUTS}.`,
  )
}

/** What was found instead, in words. */
function found({ files }: Listing): string {
  if (files.length === 0) return 'it holds no files that are not hidden'
  const counts = new Map<string, number>()
  for (const file of files) counts.set(kindOf(file), (counts.get(kindOf(file)) ?? 0) + 1)
  const words = [
    [counts.get('picture'), 'pictures by their names, in no folders'],
    [counts.get('archive'), 'archives within, which are not unpacked'],
    [(counts.get('other') ?? 0) + (counts.get('unnamed') ?? 0), 'other files'],
  ] as const
  const said = words.flatMap(([count, what]) => (count ? [`${count} ${what}`] : []))
  return `it holds ${said.join(', ')}, such as ${readable(files[0]!.path)}`
}
