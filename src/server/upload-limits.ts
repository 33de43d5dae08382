import { parse, visit } from 'graphql'

/** What the files of a request may have together. */
export interface UploadLimit {
  bytes: number
  /** The setting that says so. */
  setting: string
}

export interface UploadLimits {
  /** Whatever the request is. */
  readonly most: number
  /** @param operations  the part of this name: what is asked for */
  of(operations: object): UploadLimit
}

/** Mutations whose files are pictures of a data set. */
const OF_DATASETS: ReadonlySet<string> = new Set(['createDataset', 'updateDataset', 'addPictures'])

export function createUploadLimits(config: { maxModelBytes: number; maxDatasetBytes: number }): UploadLimits {
  const dataset = { bytes: config.maxDatasetBytes, setting: 'MAX_DATASET_BYTES' }
  const other = { bytes: config.maxModelBytes, setting: 'MAX_MODEL_BYTES' }
  return {
    most: Math.max(dataset.bytes, other.bytes),
    of: (operations) => (isOfDataset(operations) ? dataset : other),
  }
}

function isOfDataset(operations: object): boolean {
  if (!('query' in operations) || typeof operations.query !== 'string') return false
  let found = false
  try {
    visit(parse(operations.query), {
      Field({ name: { value } }) {
        found ||= OF_DATASETS.has(value)
      },
    })
  } catch {
    // It is refused when its files are here, as any request that is no GraphQL.
  }
  return found
}
