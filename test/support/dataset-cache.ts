import { copyFile, link, mkdir } from 'node:fs/promises'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createDatasetStore, datasetFile } from '../../src/data/dataset.ts'
import { writeDatasetFile } from '../../src/data/dataset-file.ts'
import { openDatasetSources } from '../../src/data/registry.ts'
import { cifar10 } from '../../src/data/sources/cifar10/source.ts'

/** As it is shipped: compiled by `npm run build`, which `npm test` does first. */
export const FETCH_PROCESS = new URL('../../dist/data/fetch-process.js', import.meta.url)

/** Where tests keep data sets between runs; the layout is that of a server's <DATA_DIR>/datasets. */
export function cachedDatasetFolder(): string {
  return fileURLToPath(new URL('../../node_modules/.cache/vggzoo/datasets', import.meta.url))
}

/** The prepared CIFAR-10 file. Read it only: other tests and servers share it. */
export function cachedDatasetFile(): string {
  return datasetFile(cachedDatasetFolder(), 'cifar10')
}

/**
 * Gives a test server CIFAR-10 without a fetch: hard-links the cached file into its data folder, or copies it
 * where links do not work. A linked file must not be written to; the server itself only ever replaces it.
 * @param dataDir The server's DATA_DIR.
 * @returns The path of the file.
 */
export async function placeDataset(dataDir: string): Promise<string> {
  const file = datasetFile(`${dataDir}/datasets`, 'cifar10')
  await mkdir(dirname(file), { recursive: true })
  await link(cachedDatasetFile(), file).catch(() => copyFile(cachedDatasetFile(), file))
  return file
}

/** The module of the tiny data set, for a server's DATASET_SOURCES. */
export const TINY_MODULE = fileURLToPath(new URL('./tiny-dataset.mjs', import.meta.url))

/** The same with the tiny data set, which is made in milliseconds. */
export async function placeTinyDataset(dataDir: string): Promise<void> {
  const { facts, origins, decode } = (await openDatasetSources([TINY_MODULE])).find('tiny')!
  const [origin] = origins()
  const folder = `${dataDir}/datasets`
  await mkdir(folder, { recursive: true })
  const images = decode(origin, import.meta.dirname)
  await writeDatasetFile(datasetFile(folder, facts.name), dataDir, facts, origin.name, images)
}

/** vitest's globalSetup: fetches CIFAR-10 when no earlier run did; CIFAR10_DIR is honoured. */
export async function setup(): Promise<void> {
  const store = createDatasetStore({
    source: cifar10,
    folder: cachedDatasetFolder(),
    origins: cifar10.origins(process.env.CIFAR10_DIR),
    entry: FETCH_PROCESS,
  })
  if (store.state().state !== 'READY') {
    process.stderr.write('Fetching CIFAR-10 for the tests (139 MB, once)...\n')
  }
  await store.prepare()
}
