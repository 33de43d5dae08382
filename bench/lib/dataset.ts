import { copyFile, link, mkdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createCifar10Store, datasetFile } from '../../src/data/dataset.ts'
import { FETCHER } from './compiled.ts'

/** Where tests keep it, too: it is fetched once. */
const CACHE = fileURLToPath(new URL('../../node_modules/.cache/vggzoo/datasets', import.meta.url))

/** The prepared CIFAR-10 file, fetched where nobody did so before; CIFAR10_DIR is honoured. For reading only. */
export async function prepareDataset(): Promise<string> {
  const store = createCifar10Store({ folder: CACHE, cifar10Dir: process.env.CIFAR10_DIR, entry: FETCHER })
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
