/** Data sets for benches of transfer, as modules that a server is given by DATASET_SOURCES. */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type DatasetFacts, SPLITS, type Split } from '../../src/data/dataset-facts.ts'
import { withDatasetFile } from '../../src/data/dataset-file.ts'
import { readImages, readLabels } from '../../src/data/read-images.ts'
import { cifar10 } from '../../src/data/sources/cifar10/source.ts'
import { prepareDataset } from './dataset.ts'

/**
 * The pictures of CIFAR-10 that are of some classes.
 * @param perClass  training pictures of each, the first ones; all when left out
 * @returns the path of its module
 */
export async function partOfCifar10(
  folder: string,
  name: string,
  classes: readonly number[],
  perClass = Number.POSITIVE_INFINITY,
): Promise<string> {
  const splits = await withDatasetFile(await prepareDataset(), undefined, async (file) => {
    const ofClasses = async (split: Split, most: number): Promise<Pictures> => {
      const taken = classes.map(() => 0)
      const places = Array.from(await readLabels(file, split)).flatMap((label, place) => {
        const mine = classes.indexOf(label)
        if (mine < 0 || taken[mine]! >= most) return []
        taken[mine]! += 1
        return [place]
      })
      const { labels, pixels } = await readImages(file, split, places)
      return { labels: Array.from(labels, (label) => classes.indexOf(label)), pixels }
    }
    return {
      train: await ofClasses('train', perClass),
      test: await ofClasses('test', Number.POSITIVE_INFINITY),
    }
  })
  const { imageShape } = cifar10.facts
  const labels = classes.map((it) => cifar10.facts.classes[it]!)
  return writeModule(folder, { name, title: name, classes: labels, imageShape }, splits)
}

/** Pictures of noise, whose colour says their class. */
export function colouredNoise(
  folder: string,
  name: string,
  size: number,
  count: Readonly<Record<Split, number>>,
): Promise<string> {
  const classes = ['red', 'green', 'blue']
  let state = 1
  const draw = (length: number): Pictures => {
    const labels = Array.from({ length }, (_, i) => i % classes.length)
    const pixels = new Uint8Array(length * size * size * 3)
    for (let i = 0; i < pixels.length; i++) {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0
      const isMine = i % 3 === labels[Math.floor(i / (size * size * 3))]
      pixels[i] = (isMine ? 90 : 40) + (state >>> 25)
    }
    return { labels, pixels }
  }
  const splits = { train: draw(count.train), test: draw(count.test) }
  return writeModule(folder, { name, title: name, classes, imageShape: [size, size, 3] }, splits)
}

interface Pictures {
  labels: number[]
  pixels: Uint8Array
}

async function writeModule(
  folder: string,
  { name, ...facts }: Pick<DatasetFacts, 'name' | 'title' | 'classes' | 'imageShape'>,
  splits: Record<Split, Pictures>,
): Promise<string> {
  for (const split of SPLITS) await writeFile(join(folder, `${name}-${split}.bin`), splits[split].pixels)
  const count = { train: splits.train.labels.length, test: splits.test.labels.length }
  const normalization = { mean: [0.5, 0.5, 0.5], std: [0.25, 0.25, 0.25] }
  const labels = { train: splits.train.labels, test: splits.test.labels }
  const path = join(folder, `${name}.mjs`)
  await writeFile(
    path,
    `import { readFileSync } from 'node:fs'
const labels = ${JSON.stringify(labels)}
export default {
  facts: ${JSON.stringify({ name, ...facts, count, normalization })},
  origins: (folder = import.meta.dirname) => [{ name: 'a bench', remedy: 'run it again', from: { folder } }],
  async *decode() {
    for (const split of ['train', 'test']) {
      const pixels = readFileSync(new URL('./${name}-' + split + '.bin', import.meta.url))
      yield { split, first: 0, labels: Uint16Array.from(labels[split]), pixels }
    }
  },
}
`,
  )
  return path
}

/** Starts servers with these modules while the work is done. */
export async function withModules<Result>(
  paths: readonly string[],
  work: () => Promise<Result>,
): Promise<Result> {
  const before = process.env.DATASET_SOURCES
  process.env.DATASET_SOURCES = paths.join(',')
  try {
    return await work()
  } finally {
    if (before === undefined) delete process.env.DATASET_SOURCES
    else process.env.DATASET_SOURCES = before
  }
}
