import { join } from 'node:path'
import type { DatasetFacts } from '../dataset-facts.ts'
import { createClassNames, orderClasses, tellOfClasses } from './classes.ts'
import { findLikenesses, tellOfLikenesses, withoutDuplicates } from './duplicates.ts'
import { createFindings, type Findings, readable } from './findings.ts'
import type { ImportedImage } from './images.ts'
import type { Layout } from './layouts/layout.ts'
import { recogniseLayout } from './layouts/recognise.ts'
import { withArchive } from './origin/archive.ts'
import { listFolder } from './origin/folder.ts'
import type { Listing, Skip } from './origin/listing.ts'
import { picturesLayout } from './pictures.ts'
import { createPixelStore } from './pixel-store.ts'
import { withPrevious } from './previous.ts'
import type { Finding, ImportJob, ImportOrigin, ImportProgress, ImportSummary } from './protocol.ts'
import { createSizes, readImages } from './reading.ts'
import { ImportRefusedError } from './refusal.ts'
import { chooseSplits, orderImages, settleSplits } from './splitting.ts'
import { writeImages } from './writing.ts'

/** Who is told how an import goes. */
export interface ImportListener {
  progress(progress: ImportProgress): void
  findings(findings: Finding[]): void
}

export interface Imported {
  facts: DatasetFacts
  digest: string
  summary: ImportSummary
}

/**
 * Makes one version of a data set: finds the pictures of an origin, reads and scales them, and writes the prepared file,
 * whole or not at all. The same pictures and the same job make the same file, whatever order they are listed in.
 * Nothing is written but the file and what lies in the job's scratch folder.
 * @throws ImportRefusedError, whose message is for whoever sent it; DamagedDatasetError; what the system answers (ENOSPC)
 */
export async function importDataset(job: ImportJob, listener: ImportListener): Promise<Imported> {
  const findings = createFindings(listener.findings)
  const [height, width] = job.size
  const store = await createPixelStore(join(job.scratch, 'pixels'), height * width * 3)
  try {
    const names = createClassNames()
    const sizes = createSizes()
    const progress = (done: number, total: number | null) =>
      listener.progress({ phase: 'READING', done, total })
    const unpacking = () => listener.progress({ phase: 'UNPACKING', done: 0, total: null })
    unpacking()
    let files = 0
    const words: string[] = []
    const classes: string[] = []

    const readLayout = async (layout: Layout, isPrevious = false): Promise<ImportedImage[]> => {
      words.push(layout.words)
      // What was scaled once is not scaled again to be cropped.
      const resize = isPrevious ? { ...job.resize, shorterSide: null } : job.resize
      const seen = isPrevious ? createSizes() : sizes
      const tools = { store, names, findings, sizes: seen, progress }
      const images = await readImages(layout, { size: job.size, resize }, tools)
      for (const written of layout.classes ?? []) classes.push(names.nameOf(written, 0) ?? written)
      return images
    }

    const readOrigin = (origin: ImportOrigin): Promise<ImportedImage[]> =>
      withLayout(origin, job, { findings, unpacking }, async (layout, count) => {
        files += count
        const images = await readLayout(layout)
        settleSplits(images)
        return images
      })

    const { from } = job
    let images: ImportedImage[]
    if (from.kind === 'dataset') {
      images = await withPrevious(from, job.split.seed, (layout) => readLayout(layout, true))
      files += images.length
      if (from.added !== null) images.push(...(await readOrigin(from.added)))
    } else images = await readOrigin(from)

    names.tell(findings)
    const kept = withoutDuplicates(images, findings)
    const ordered = orderClasses(kept, classes)
    const likenesses = findLikenesses(kept, () => progress(images.length, images.length))
    chooseSplits(kept, ordered, likenesses, job.split)
    tellOfLikenesses(kept, likenesses, findings)
    tellOfClasses(kept, names.known, findings)
    checkSplits(kept)

    const inOrder = orderImages(kept, job.split.seed)
    findings.flush()

    const written = await writeImages(job, inOrder, {
      classes: ordered,
      source: sourceOf(from),
      store,
      progress: (done) => listener.progress({ phase: 'WRITING', done, total: kept.length }),
    })
    const { smallest, largest } = sizes
    const layout = words.join('; and ')
    return {
      ...written,
      summary: { files, images: kept.length, findings: findings.counts, layout, smallest, largest },
    }
  } catch (error) {
    // What was noticed says more of a refusal.
    findings.flush()
    throw error
  } finally {
    await store.close()
  }
}

/** @param task  is given the layout and how many files were looked at */
function withLayout<Result>(
  origin: ImportOrigin,
  { scratch, maxBytes, labels }: ImportJob,
  { findings, unpacking }: { findings: Findings; unpacking(): void },
  task: (layout: Layout, files: number) => Promise<Result>,
): Promise<Result> {
  let skipped = 0
  const skip: Skip = (path, why) => {
    skipped++
    findings.add('SKIPPED', path, why)
  }
  const ofListing = async (listing: Listing) => {
    const files = listing.files.length + skipped
    return task(await recogniseLayout(listing, skip, labels), files)
  }
  switch (origin.kind) {
    case 'archive':
      return withArchive(origin, { scratch, maxBytes, skip, progress: unpacking }, ofListing)
    case 'folder':
      return listFolder(origin.path, skip).then(ofListing)
    case 'pictures':
      return task(picturesLayout(origin), origin.pictures.length)
    case 'dataset':
      throw new Error('What is added to a version is no other version.')
  }
}

/** Whoever trains needs some of each. */
function checkSplits(images: readonly ImportedImage[]): void {
  for (const [split, what] of [
    ['train', 'training'],
    ['test', 'test'],
  ] as const) {
    if (images.some((image) => image.split === split)) continue
    throw new ImportRefusedError(
      `There are no ${what} images: a class needs two pictures or more, so that one of them is for testing.`,
    )
  }
}

/** Where the images came from, in words. */
function sourceOf(origin: ImportOrigin): string {
  switch (origin.kind) {
    case 'archive':
      return readable(origin.name)
    case 'folder':
      return readable(origin.path)
    case 'pictures':
      return `${origin.pictures.length} pictures`
    case 'dataset':
      return origin.added === null ? origin.facts.name : `${origin.facts.name} and ${sourceOf(origin.added)}`
  }
}
