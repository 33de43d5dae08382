import { copyFile, link, mkdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createDatasetStore, datasetFile } from '../../src/data/dataset.ts'
import { cifar10 } from '../../src/data/sources/cifar10/source.ts'
import { FETCHER } from './compiled.ts'

/** Where tests keep it, too: it is fetched once. */
const CACHE = fileURLToPath(new URL('../../node_modules/.cache/vggzoo/datasets', import.meta.url))

/** The prepared CIFAR-10 file, fetched where nobody did so before; CIFAR10_DIR is honoured. For reading only. */
export async function prepareDataset(): Promise<string> {
  const store = createDatasetStore({
    source: cifar10,
    folder: CACHE,
    origins: cifar10.origins(process.env.CIFAR10_DIR),
    entry: FETCHER,
  })
  if (store.state().state !== 'READY') console.log('Fetching CIFAR-10 (139 MB, once)...')
  return (await store.prepare()).file
}

/** Gives a server CIFAR-10 without a fetch: a link, or a copy where links do not work. */
export async function placeDataset(dataDir: string): Promise<void> {
  const cached = await prepareDataset()
  const file = datasetFile(join(dataDir, 'datasets'), 'cifar10')
  await mkdir(dirname(file), { recursive: true })
  await link(cached, file).catch(() => copyFile(cached, file))
}
