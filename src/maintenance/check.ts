import { createHash } from 'node:crypto'
import { createReadStream, existsSync } from 'node:fs'
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Removals } from '../concurrency/removals.ts'
import { datasetFile } from '../data/dataset.ts'
import { withDatasetFile } from '../data/dataset-file.ts'
import { DamagedDatasetError } from '../data/errors.ts'
import type { AskedOrigin } from '../data/own/asked.ts'
import { type ImportFolders, namesIn } from '../data/own/files.ts'
import { keepsGiven, type OwnVersion, toOwnVersion, WITH_FILES } from '../data/own/version.ts'
import { inconsistencies } from '../db/consistency.ts'
import type { PrismaClient } from '../db/generated/client.ts'
import { type NamedWeights, namedWeights, type WeightsKeeper } from '../models/weights-keeper.ts'
import type { ArtifactStore } from '../ports/artifact-store.ts'

export interface Finding {
  /** ORPHAN: a file that no row names. INCONSISTENT: rows that contradict each other, or a file. */
  kind: 'MISSING' | 'DAMAGED' | 'ORPHAN' | 'INCONSISTENT'
  /** A path in the data folder, or `database`. */
  what: string
  /** What is wrong, without a full stop. */
  problem: string
}

/** What was read through. */
export interface Checked {
  files: number
  bytes: number
}

export interface CheckGround {
  prisma: PrismaClient
  artifactsFolder: string
  datasetsFolder: string
  artifacts: Pick<ArtifactStore, 'pending'>
  keeper: Pick<WeightsKeeper, 'using'>
  folders: Pick<ImportFolders, 'given'>
  removals: Removals
}

const PIECE_BYTES = 256 * 1024
const WEIGHTS = /^([0-9a-f]{64})\.(safetensors|derived)$/
/** What is under way, or what the next start removes. */
const TRANSIENT = /\.(tmp|pending)$/
const PREPARED = /^(.+)\.bin$/
const OWN = /@\d+$/

/**
 * Compares the database with the files, and all with their digests, while a server works or none does.
 * @param signal  gives up
 * @returns what was read
 */
export async function* checkData(ground: CheckGround, signal: AbortSignal): AsyncGenerator<Finding, Checked> {
  const { prisma, removals } = ground
  const read: Checked = { files: 0, bytes: 0 }
  for (const problem of await inconsistencies(prisma)) {
    yield { kind: 'INCONSISTENT', what: 'database', problem }
  }
  const before = await ownVersions(prisma)
  const letGo = removals.hold()
  try {
    yield* checkWeights(ground, read, signal)
    yield* checkDatasets(ground, before, read, signal)
  } finally {
    await letGo()
  }
  return read
}

async function* checkWeights(
  { prisma, artifactsFolder, artifacts, keeper }: CheckGround,
  read: Checked,
  signal: AbortSignal,
): AsyncGenerator<Finding, void> {
  // None comes or goes meanwhile.
  const { named, names, pending } = await keeper.using(async () => ({
    named: await namedWeights(prisma),
    names: await namesIn(artifactsFolder),
    pending: new Set(await artifacts.pending()),
  }))
  for (const [digest, said] of named) {
    signal.throwIfAborted()
    const name = `${digest}.safetensors`
    const found = await problemOfWeights(join(artifactsFolder, name), digest, said, read)
    if (found !== null) yield { what: `artifacts/${name}`, ...found }
  }
  for (const name of names) {
    const digest = WEIGHTS.exec(name)?.[1]
    if (digest === undefined ? TRANSIENT.test(name) : named.has(digest) || pending.has(digest)) continue
    const problem =
      digest === undefined
        ? 'it is no file of vggzoo'
        : 'no row names it; it may be of another database, else remove it'
    yield { kind: 'ORPHAN', what: `artifacts/${name}`, problem }
  }
}

async function problemOfWeights(
  file: string,
  digest: string,
  { by, bytes }: NamedWeights,
  read: Checked,
): Promise<Pick<Finding, 'kind' | 'problem'> | null> {
  const hash = createHash('sha256')
  let size = 0
  try {
    for await (const piece of createReadStream(file, { highWaterMark: PIECE_BYTES })) {
      hash.update(piece)
      size += piece.length
    }
  } catch (error) {
    return unreadable(error, by)
  }
  count(read, size)
  if (hash.digest('hex') !== digest) {
    return { kind: 'DAMAGED', problem: `its sha256 is not its name; it is of ${by}` }
  }
  if (bytes === null || bytes === size) return null
  return { kind: 'INCONSISTENT', problem: `it has ${size} bytes, and ${by} says ${bytes}` }
}

async function* checkDatasets(
  { prisma, datasetsFolder, folders }: CheckGround,
  before: readonly OwnVersion[],
  read: Checked,
  signal: AbortSignal,
): AsyncGenerator<Finding, void> {
  const names = await namesIn(datasetsFolder)
  const now = await ownVersions(prisma)
  // One that was deleted while this looked has its file still, and one that has just come its row.
  const known = new Set([...before, ...now].map(({ reference }) => reference))
  const ready = new Map(now.filter(({ state }) => state === 'READY').map((it) => [it.reference, it]))
  const prepared = names.flatMap((name) => PREPARED.exec(name)?.[1] ?? [])
  for (const reference of new Set([...ready.keys(), ...prepared])) {
    signal.throwIfAborted()
    const what = `datasets/${reference}.bin`
    const version = ready.get(reference)
    if (version === undefined && OWN.test(reference)) {
      if (!known.has(reference)) {
        yield { kind: 'ORPHAN', what, problem: 'no row names it; the next start of the server removes it' }
      }
      continue
    }
    const found = await problemOfDataset(datasetFile(datasetsFolder, reference), version, read)
    if (found !== null) yield { what, ...found }
  }
  for (const version of now) {
    const { id, reference, asked } = version
    if (!keepsGiven(version) || !wasSent(asked.from) || existsSync(folders.given(id))) continue
    yield {
      kind: 'MISSING',
      what: `datasets/imports/${id}/given`,
      problem: `what was sent for ${reference} is not there; it cannot be imported`,
    }
  }
}

/** @param version  that of its row; a data set of the server itself has none, and is made again */
async function problemOfDataset(
  file: string,
  version: OwnVersion | undefined,
  read: Checked,
): Promise<Pick<Finding, 'kind' | 'problem'> | null> {
  const by = version?.reference ?? 'a data set that is made again'
  let size: number
  try {
    size = (await stat(file)).size
    await withDatasetFile(file, version?.digest ?? undefined, (opened) => opened.verify())
  } catch (error) {
    if (error instanceof DamagedDatasetError) {
      const [, what = error.message] = /is damaged: (.+?)\. [A-Z]/.exec(error.message) ?? []
      return { kind: 'DAMAGED', problem: `${what}; it is of ${by}` }
    }
    return unreadable(error, by)
  }
  count(read, size)
  if (version === undefined || version.bytes === size) return null
  return { kind: 'INCONSISTENT', problem: `it has ${size} bytes, and ${by} says ${version.bytes}` }
}

/** Whether files of what it is made of were sent to this server. */
function wasSent(from: AskedOrigin): boolean {
  if (from.kind === 'dataset') return from.added !== null && wasSent(from.added)
  return from.kind !== 'folder'
}

/** Those whose files are there, or may be. */
async function ownVersions(prisma: PrismaClient): Promise<OwnVersion[]> {
  const rows = await prisma.datasetVersion.findMany({
    where: WITH_FILES,
    orderBy: { seq: 'asc' },
  })
  return rows.map(toOwnVersion)
}

function unreadable(error: unknown, by: string): Pick<Finding, 'kind' | 'problem'> {
  const { code, message } = error as NodeJS.ErrnoException
  if (code === 'ENOENT') return { kind: 'MISSING', problem: `it is not there; it is of ${by}` }
  return { kind: 'DAMAGED', problem: `it cannot be read (${code ?? message}); it is of ${by}` }
}

function count(read: Checked, bytes: number): void {
  read.files += 1
  read.bytes += bytes
}
