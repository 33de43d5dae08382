import {
  closeSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeSync,
} from 'node:fs'
import type { DatasetFacts } from '../../src/data/dataset-facts.ts'
import { contentBytes, writeDatasetFile } from '../../src/data/dataset-file.ts'

/** Small enough to be written for every test, with more than one block of images. */
export const FACTS: DatasetFacts = {
  name: 'small',
  title: 'A small one',
  classes: ['one', 'other'],
  count: { train: 100, test: 40 },
  imageShape: [32, 32, 3],
  normalization: { mean: [0.5, 0.5, 0.5], std: [0.2, 0.2, 0.2] },
}
export const HEADER = 4096
export const BLOCK = 65_536

/** @param seed  another one, another data set */
export async function write(file: string, seed = 1): Promise<void> {
  async function* images() {
    for (const split of ['train', 'test'] as const) {
      const labels = Uint16Array.from({ length: FACTS.count[split] }, (_, i) => (i * seed) % 2)
      const pixels = Uint8Array.from({ length: labels.length * 3072 }, (_, i) => (i * 7919 * seed) % 251)
      yield { split, first: 0, labels, pixels }
    }
  }
  const scratch = `${file}.scratch`
  mkdirSync(scratch, { recursive: true })
  await writeDatasetFile(file, scratch, FACTS, 'a test', images())
  rmSync(scratch, { recursive: true })
}

export function overwrite(file: string, at: number, bytes: Uint8Array): void {
  const descriptor = openSync(file, 'r+')
  writeSync(descriptor, bytes, 0, bytes.length, at)
  closeSync(descriptor)
}

/** As a disk forgets: neither the size nor the time of the file tells of it. */
export function silently(file: string, alter: () => void): void {
  const { atime, mtime } = statSync(file)
  alter()
  utimesSync(file, atime, mtime)
}

export const flip = (file: string, at: number) =>
  overwrite(file, at, Uint8Array.of(readFileSync(file)[at]! ^ 1))

export function inHeader(file: string, from: string, to: string): void {
  const at = readFileSync(file).indexOf(from)
  overwrite(file, at, Buffer.from(to))
}

/** Where the checksums begin. */
export const END = HEADER + contentBytes(FACTS)
