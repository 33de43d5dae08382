import type { DatasetFinding, DatasetVersion, Prisma } from '../../db/generated/client.ts'
import type { DatasetFacts } from '../dataset-facts.ts'
import type { Finding, ImportProgress, ImportSummary, Place } from '../importing/protocol.ts'
import { NO_NORMALIZATION } from '../normalization.ts'
import { referenceOf } from '../reference.ts'
import type { AskedImport } from './asked.ts'

/** A version of a data set that a person made, as its row has it. */
export interface OwnVersion
  extends Pick<
    DatasetVersion,
    | 'id'
    | 'seq'
    | 'ownerId'
    | 'version'
    | 'state'
    | 'error'
    | 'mayRetry'
    | 'attempts'
    | 'createdAt'
    | 'startedAt'
    | 'finishedAt'
  > {
  /** "pets" */
  name: string
  /** "pets@2" */
  reference: string
  asked: AskedImport
  /** Without classes and images until it was imported. */
  facts: DatasetFacts
  digest: string | null
  summary: ImportSummary | null
  bytes: number
}

/** A version and how far its import is; null but while it is IMPORTING, and has said so. */
export interface ImportedVersion extends OwnVersion {
  progress: ImportProgress | null
}

/** What its import said, as its row has it. */
export interface OwnFinding extends Finding {
  number: number
}

/** Gives a row of the database its shape, as the server wrote it. */
export function toOwnFinding(row: DatasetFinding): OwnFinding {
  const { number, kind, path, message, other } = row
  const place = row.place as Place | null
  const otherPlace = row.otherPlace as Place | null
  return { number, kind, path, message, other, place, otherPlace }
}

/** Gives a row of the database its shape. */
export function toOwnVersion(row: DatasetVersion): OwnVersion {
  const reference = referenceOf(row.datasetName, row.version)
  // As the server wrote them, after they were checked.
  const asked = row.asked as unknown as AskedImport
  const found = row.facts as unknown as Omit<DatasetFacts, 'name'> | null
  const facts = found ?? {
    title: row.datasetName,
    classes: [],
    count: { train: 0, test: 0 },
    imageShape: [...asked.size, 3] as const,
    normalization: NO_NORMALIZATION,
  }
  const { datasetName, asked: _asked, facts: _facts, summary, bytes, ...rest } = row
  return {
    ...rest,
    name: datasetName,
    reference,
    asked,
    facts: { ...facts, name: reference, resize: asked.resize },
    summary: summary as unknown as ImportSummary | null,
    bytes: Number(bytes),
  }
}

/** States that rows are asked for by: of those versions that have files, as they are READY or `keepsGiven`. */
export const WITH_FILES = {
  OR: [{ state: { in: ['READY', 'QUEUED', 'IMPORTING'] } }, { mayRetry: true }],
} satisfies Prisma.DatasetVersionWhereInput

/** Its import waits, or is at work. */
export function isPending({ state }: Pick<OwnVersion, 'state'>): boolean {
  return state === 'QUEUED' || state === 'IMPORTING'
}

/** It failed, and what was sent for it is there still. */
export function mayBeTriedAgain({ state, mayRetry }: Pick<OwnVersion, 'state' | 'mayRetry'>): boolean {
  return state === 'FAILED' && mayRetry
}

/** Whether what was sent for it is kept. */
export function keepsGiven(version: Pick<OwnVersion, 'state' | 'mayRetry'>): boolean {
  return isPending(version) || mayBeTriedAgain(version)
}

/** The version that it was made of; null for what came from elsewhere. */
export function parentOf({ asked: { from } }: Pick<OwnVersion, 'asked'>): string | null {
  return from.kind === 'dataset' ? from.reference : null
}
