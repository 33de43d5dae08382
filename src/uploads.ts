/** A file part of a request, on disk until the operation of the request is executed and nobody holds it. */
export class UploadedFile {
  /** What the client calls it; never a path. */
  readonly name: string
  readonly size: number
  /** Where it is. */
  readonly path: string
  #holders = 0
  #onFree: (() => unknown) | undefined

  constructor(name: string, size: number, path: string) {
    this.name = name
    this.size = size
    this.path = path
  }

  /** For who needs it longer than its request takes. @returns lets it go; a second call does nothing */
  hold(): () => void {
    this.#holders++
    let isHeld = true
    return () => {
      if (!isHeld) return
      isHeld = false
      if (--this.#holders === 0) this.#onFree?.()
    }
  }

  get isHeld(): boolean {
    return this.#holders > 0
  }

  /** For its owner: calls back when nobody holds it any more. */
  onFree(callback: () => unknown): void {
    this.#onFree = callback
  }
}
