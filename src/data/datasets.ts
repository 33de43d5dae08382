import type { Logger } from 'pino'
import { createHold } from '../concurrency/hold.ts'
import { flatMap, newestOfEach } from '../concurrency/iterate.ts'
import { NotFoundError } from '../errors.ts'
import type { Telemetry } from '../ports/telemetry.ts'
import { createDatasetStore, type DatasetStore } from './dataset.ts'
import type { ImportProgress } from './importing/protocol.ts'
import { createOwnStore, type OwnStore, whyNotReady } from './own/store.ts'
import type { OwnVersion } from './own/version.ts'
import { nameIn, readReference } from './reference.ts'
import { openDatasetSources } from './registry.ts'

/**
 * Every data set that a server knows: those of its sources, and the versions of those that people made. "cifar10" and
 * "pets@2" name one; "pets" is the newest version that is READY.
 */
export interface Datasets {
  /** One that can be learned from, as far as is known without looking at its file. */
  get(reference: string): DatasetStore | undefined
  /** The same. @throws NotFoundError that says why there is none */
  require(reference: string): DatasetStore
  /** Why `get` answers nothing, in a sentence. */
  whyNot(reference: string): string
  /** In whatever state, but deleted; of a name without a version that is READY, the newest. */
  find(reference: string): DatasetStore | undefined
  /** What a row names: also one that was deleted since, for what is known of it still. */
  named(reference: string): DatasetStore | undefined
  /** The newest of each name: READY where there is one. Sources first. */
  list(): DatasetStore[]
  /** Of a data set that a person made, newest first, whatever they came to; of any other itself. */
  versions(name: string): DatasetStore[]
  /**
   * Does a task that will make something need a data set: it is not deleted meanwhile.
   * @param reference  of any version of it
   */
  using<Result>(reference: string, task: () => Promise<Result>): Promise<Result>
  /** Data sets that change from now on: a new one, another state, progress. A slow reader gets the newest state only. */
  follow(): AsyncIterableIterator<DatasetStore>
  /** One of them, as it is now and whenever that is another. */
  followOne(store: DatasetStore): AsyncIterableIterator<DatasetStore>
  /** Readers that follow now. */
  readonly listenerCount: number
  close(): Promise<void>
}

/** The same, as it is put together. */
export interface DatasetRegistry extends Datasets {
  readonly folder: string
  /** Whether a source has the name. */
  isGiven(name: string): boolean
  own(): Iterable<OwnStore>
  /** Knows the version from now on, or that it is another than before. */
  put(version: OwnVersion): OwnStore
  /** The import of a version is so far. */
  advance(reference: string, progress: ImportProgress): void
  /** Does a task while nothing begins to need the data set. */
  alone<Result>(name: string, task: () => Promise<Result>): Promise<Result>
}

/** @throws an Error that names a module that has no data set, and why */
export async function openDatasets(options: {
  /** See DatasetSources. */
  modules: readonly string[]
  /** The server's folder of data sets. */
  folder: string
  /** Folders in which a person has the files of a data set, by its name: nothing of it is fetched then. */
  given: Readonly<Record<string, string | null>>
  /** Those that people made. */
  own: readonly OwnVersion[]
  logger: Pick<Logger, 'info' | 'warn'>
  telemetry: Telemetry
}): Promise<DatasetRegistry> {
  const { modules, folder, given, logger, telemetry } = options
  const sources = await openDatasetSources(modules)
  const hold = createHold()
  const listeners = new Set<(reference: string) => void>()
  const changed = (reference: string) => {
    for (const listener of listeners) listener(reference)
  }
  const bySource = new Map<string, DatasetStore>(
    sources.list().map((source) => {
      const { facts } = source
      const origins = source.origins(given[facts.name] ?? undefined)
      const onChange = () => changed(facts.name)
      return [
        facts.name,
        createDatasetStore({ source, modules, folder, origins, logger, telemetry, onChange }),
      ]
    }),
  )
  const byReference = new Map<string, OwnStore>()
  /** In the order of their making. */
  const byName = new Map<string, OwnStore[]>()

  function put(version: OwnVersion): OwnStore {
    const { name, reference } = version
    const known = byReference.get(reference)
    if (known !== undefined) {
      known.renew(version)
      return known
    }
    const store = createOwnStore(version, { folder, logger, telemetry, onChange: () => changed(reference) })
    byReference.set(reference, store)
    byName.set(name, [...(byName.get(name) ?? []), store])
    changed(reference)
    return store
  }
  for (const version of options.own) put(version)

  const named = (reference: string) => bySource.get(reference) ?? byReference.get(reference)
  const ofName = (name: string) =>
    (byName.get(name) ?? []).filter(({ own }) => own.state !== 'DELETED').reverse()
  const newestReady = (name: string) => ofName(name).find(({ own }) => own.state === 'READY')

  function find(reference: string): DatasetStore | undefined {
    const store = named(reference)
    if (store !== undefined) return store.own?.state === 'DELETED' ? undefined : store
    return newestReady(reference) ?? ofName(reference)[0]
  }

  function get(reference: string): DatasetStore | undefined {
    const store = find(reference)
    return store?.own == null || store.own.state === 'READY' ? store : undefined
  }

  function whyNot(reference: string): string {
    const store = named(reference) ?? find(reference)
    const why = store?.own == null ? null : whyNotReady(store.own)
    if (why !== null) return why
    const parsed = readReference(reference)
    const versions = parsed === null ? [] : ofName(parsed.name)
    if (versions.length === 0) {
      return `There is no data set ${JSON.stringify(reference.slice(0, 100))}. The query datasets lists them.`
    }
    return `There is no version ${parsed!.version} of ${parsed!.name}. Its newest is ${versions[0]!.own.reference}.`
  }

  const stores = () => [...bySource.values(), ...byReference.values()]

  return {
    folder,
    get,
    require(reference) {
      const store = get(reference)
      if (store === undefined) throw new NotFoundError(whyNot(reference))
      return store
    },
    whyNot,
    find,
    named,
    list() {
      const own = [...byName.keys()].map((name) => newestReady(name) ?? ofName(name)[0])
      return [...bySource.values(), ...own.filter((store) => store !== undefined)]
    },
    versions(name) {
      const source = bySource.get(name)
      return source === undefined ? ofName(name) : [source]
    },
    using: (reference, task) => hold.shared(nameIn(reference), task),
    alone: (name, task) => hold.exclusive(name, task),
    follow: () =>
      flatMap(
        newestOfEach((listener) => {
          const word = (reference: string) => listener(reference)
          listeners.add(word)
          return () => listeners.delete(word)
        }),
        ({ id }) => [named(id)!],
      ),
    followOne: (store) =>
      flatMap(
        newestOfEach((listener) => {
          const { name } = store.facts
          const word = (reference: string) => {
            if (reference === name) listener(name)
          }
          listeners.add(word)
          word(name)
          return () => listeners.delete(word)
        }),
        () => [store],
      ),
    get listenerCount() {
      return listeners.size
    },
    isGiven: (name) => bySource.has(name),
    own: () => byReference.values(),
    put,
    advance: (reference, progress) => byReference.get(reference)?.advance(progress),
    async close() {
      await Promise.all(stores().map((store) => store.close()))
    },
  }
}
