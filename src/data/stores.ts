import type { Logger } from 'pino'
import type { Telemetry } from '../ports/telemetry.ts'
import { createDatasetStore, type DatasetStore } from './dataset.ts'
import { openDatasetSources } from './registry.ts'

/**
 * Every data set that is known, by its name; the built-in ones first.
 * @throws an Error that names a module that has no data set, and why
 */
export async function openDatasetStores(options: {
  /** See DatasetSources. */
  modules: readonly string[]
  /** The server's folder of data sets. */
  folder: string
  /** Folders in which a person has the files of a data set, by its name: nothing of it is fetched then. */
  given: Readonly<Record<string, string | null>>
  logger: Pick<Logger, 'info' | 'warn'>
  telemetry: Telemetry
}): Promise<ReadonlyMap<string, DatasetStore>> {
  const { modules, folder, given, logger, telemetry } = options
  const sources = await openDatasetSources(modules)
  return new Map(
    sources.list().map((source) => {
      const { name } = source.facts
      const origins = source.origins(given[name] ?? undefined)
      return [name, createDatasetStore({ source, modules, folder, origins, logger, telemetry })]
    }),
  )
}
