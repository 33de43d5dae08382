import { readFile, rm } from 'node:fs/promises'

/** A file part of a request, on disk as long as the request is at work. */
export class UploadedFile {
  /** What the client calls it; never a path. */
  readonly name: string
  readonly size: number
  readonly #path: string
  #uses: Promise<unknown> = Promise.resolve()

  constructor(name: string, size: number, path: string) {
    this.name = name
    this.size = size
    this.#path = path
  }

  /** Its content, in memory. */
  bytes(): Promise<Uint8Array> {
    return this.use((path) => readFile(path))
  }

  /** Does something with the file, which is there until that is done, even if its client goes away. */
  use<Result>(task: (path: string) => Promise<Result>): Promise<Result> {
    const result = task(this.#path)
    this.#uses = Promise.allSettled([this.#uses, result])
    return result
  }

  /** Deletes the file as soon as nobody uses it. */
  async release(): Promise<void> {
    await this.#uses
    await rm(this.#path, { force: true })
  }
}
