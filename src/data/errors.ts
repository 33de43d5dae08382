import { basename } from 'node:path'
import { isVersion } from './reference.ts'

/** A data set can't be had. The message says what was tried, what went wrong and what to do. */
export class DatasetUnavailableError extends Error {
  override readonly name: string = 'DatasetUnavailableError'
}

/** A prepared data set's file is not what it says it is, or not the one that is meant. */
export class DamagedDatasetError extends DatasetUnavailableError {
  override readonly name = 'DamagedDatasetError'
}

/** What to do where a data set's file is all that there was of it. */
export const ONLY_COPY = 'Restore the file from a copy, or create the data set again.'

/** @param what  is wrong, in half a sentence */
export function damagedDataset(file: string, what: string): DamagedDatasetError {
  const remedy = isVersion(basename(file))
    ? ONLY_COPY
    : 'Delete it, or leave it: it is made again when the server needs it next.'
  return new DamagedDatasetError(`The data set file ${file} is damaged: ${what}. ${remedy}`)
}
