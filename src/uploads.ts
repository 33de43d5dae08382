/** A file part of a request, on disk until the operation of the request is executed. */
export class UploadedFile {
  /** What the client calls it; never a path. */
  readonly name: string
  readonly size: number
  /** Where it is. */
  readonly path: string

  constructor(name: string, size: number, path: string) {
    this.name = name
    this.size = size
    this.path = path
  }
}
