import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { type Imported, importDataset } from '../../src/data/importing/import.ts'
import type { Finding, ImportJob, ImportOrigin, ImportProgress } from '../../src/data/importing/protocol.ts'
import { COVER } from '../../src/pictures/resize.ts'
import { noise } from './images.ts'
import { type LoadedDataset, loadDataset } from './loaded-dataset.ts'
import { temporaryFolder } from './temporary-folder.ts'

/** What came of an import. */
export interface Outcome extends Imported {
  findings: Finding[]
  progress: ImportProgress[]
  dataset: LoadedDataset
  file: string
  /** "KIND path" of each finding, sorted. */
  told: string[]
}

export type Options = Partial<Pick<ImportJob, 'name' | 'size' | 'resize' | 'split' | 'labels' | 'maxBytes'>>

/** Imports in this process, in a folder of its own. */
export async function importing(
  from: ImportOrigin,
  options: Options = {},
  folder = temporaryFolder(),
): Promise<Outcome> {
  const [findings, progress]: [Finding[], ImportProgress[]] = [[], []]
  const file = join(folder, 'pets@1.bin')
  const scratch = join(folder, 'scratch')
  mkdirSync(scratch, { recursive: true })
  const job: ImportJob = {
    name: 'pets@1',
    from,
    size: [32, 32],
    resize: COVER,
    split: { testShare: 0.25, seed: 1 },
    labels: null,
    maxBytes: 2 ** 28,
    file,
    scratch,
    ...options,
  }
  const imported = await importDataset(job, {
    progress: (it) => progress.push(it),
    findings: (some) => findings.push(...some),
  })
  const dataset = await loadDataset(file, imported.digest)
  const told = findings.map(({ kind, path }) => `${kind} ${path}`).sort()
  return { ...imported, findings, progress, dataset, file, told }
}

/** An archive as it is sent. */
export function archive(bytes: Uint8Array, name = 'pets.zip'): ImportOrigin {
  const path = join(temporaryFolder(), 'upload')
  writeFileSync(path, bytes)
  return { kind: 'archive', path, name }
}

/** A folder with these files. */
export function folderOf(files: Record<string, Uint8Array | string>): string {
  const folder = temporaryFolder()
  for (const [path, bytes] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    writeFileSync(join(folder, path), bytes)
  }
  return folder
}

const pictures = new Map<string, Promise<Buffer>>()

/** A picture of noise that no other seed's looks like. */
export function picture(seed: number, side = 40): Promise<Buffer> {
  const key = `${seed} ${side}`
  const known = pictures.get(key) ?? noise(seed, side, side).png().toBuffer()
  pictures.set(key, known)
  return known
}

/** Pictures by their paths: "cat/0.png", "cat/1.png" and so on. */
export async function classFolders(
  counts: Record<string, number>,
  first = 0,
): Promise<Record<string, Buffer>> {
  const files: Record<string, Buffer> = {}
  let seed = first
  for (const [name, count] of Object.entries(counts)) {
    for (let i = 0; i < count; i++) files[`${name}/${i}.png`] = await picture(seed++)
  }
  return files
}

/** The same files as entries of an archive. */
export const entriesOf = (files: Record<string, Uint8Array | string>) =>
  Object.entries(files).map(([name, bytes]) => ({ name, bytes: Buffer.from(bytes as string) }))
