/** A prepared data set's file is not what it says it is. The message names the file and what to do. */
export class DamagedDatasetError extends Error {
  override readonly name = 'DamagedDatasetError'

  constructor(file: string, what: string) {
    super(`The data set file ${file} is damaged: ${what}. It is made again when the server needs it next.`)
  }
}

/** A data set can't be had. The message says what was tried, what went wrong and what to do. */
export class DatasetUnavailableError extends Error {
  override readonly name = 'DatasetUnavailableError'
}
