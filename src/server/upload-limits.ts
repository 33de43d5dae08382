import { visit } from 'graphql'
import { documentIn } from './graphql/operations-part.ts'

/** What the files of a request may have together. */
export interface UploadLimit {
  bytes: number
  /** The setting that says so. */
  setting: string
  /** Whether what is made of them is kept: it is refused on a disk that is nearly full. */
  isKept: boolean
}

export interface UploadLimits {
  /** Whatever the request is. */
  readonly most: number
  /** @param operations  the part of this name: what is asked for */
  of(operations: object): UploadLimit
}

/** Mutations whose files are pictures of a data set. */
const OF_DATASETS: ReadonlySet<string> = new Set(['createDataset', 'updateDataset', 'addPictures'])
/** Those whose files are weights. */
const OF_MODELS: ReadonlySet<string> = new Set(['importModel'])

export function createUploadLimits(config: { maxModelBytes: number; maxDatasetBytes: number }): UploadLimits {
  const dataset = { bytes: config.maxDatasetBytes, setting: 'MAX_DATASET_BYTES', isKept: true }
  const other = { bytes: config.maxModelBytes, setting: 'MAX_MODEL_BYTES', isKept: false }
  return {
    most: Math.max(dataset.bytes, other.bytes),
    of(operations) {
      const fields = fieldsOf(operations)
      if (fields.some((field) => OF_DATASETS.has(field))) return dataset
      return { ...other, isKept: fields.some((field) => OF_MODELS.has(field)) }
    },
  }
}

function fieldsOf(operations: object): string[] {
  const found: string[] = []
  const document = documentIn(operations)
  if (document !== null) visit(document, { Field: ({ name: { value } }) => void found.push(value) })
  return found
}
