import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Logger } from 'pino'
import type { Telemetry } from '../ports/telemetry.ts'
import { Random } from '../random.ts'
import type { DatasetFacts, Split } from './dataset-facts.ts'
import { withDatasetFile } from './dataset-file.ts'
import { DamagedDatasetError, DatasetUnavailableError, ONLY_COPY } from './errors.ts'
import type { ImportedVersion } from './own/version.ts'
import { pngOf } from './png.ts'
import { createPreparation, type DatasetStatus, type PreparedFile } from './preparation.ts'
import { readImages, readLabels } from './read-images.ts'
import type { DatasetOrigin, DatasetSource } from './source.ts'

export { DATASET_STATES } from './preparation.ts'

/** One data set on this machine. */
export interface DatasetStore {
  readonly facts: DatasetFacts
  /** Of one that a person made: what its row has, and how far its import is. Null for any other. */
  readonly own: ImportedVersion | null
  /** As it was when the file was last looked at. */
  state(): DatasetStatus
  /** As it is: looks at the file, and reads it through when it is another one or was written to. */
  present(): Promise<DatasetStatus>
  /**
   * Makes the data set READY: verifies what is there, or fetches it. Callers at the same time share one fetch,
   * which goes on when one of them gives up.
   * @throws DatasetUnavailableError, or the signal's reason
   */
  prepare(signal?: AbortSignal): Promise<PreparedFile>
  /**
   * Does a task with the prepared file. When it finds the file damaged, the data set is prepared again and the task done
   * once more.
   * @throws as `prepare` does; DamagedDatasetError when the file is damaged again; what the task throws
   */
  using<Result>(task: (prepared: PreparedFile) => Promise<Result>, signal?: AbortSignal): Promise<Result>
  /** Somebody who had prepared it found the file damaged: it is read through before it is READY again. */
  distrust(): void
  /**
   * Images and labels by their places in a split, in the order asked: pixels [n, height, width, channels]. Nothing
   * is fetched for a file that is not there; one that is damaged is made again.
   * @throws DatasetUnavailableError
   */
  readImages(split: Split, indexes: readonly number[]): Promise<{ pixels: Uint8Array; labels: Uint16Array }>
  /** One image as a PNG, each pixel drawn as a square of `scale` pixels. Throws as readImages does. */
  imagePng(split: Split, index: number, scale: number): Promise<Buffer>
  /** Class indexes of a split: [n]. Read once for the same data: two bytes an image. Throws as readImages does. */
  labels(split: Split): Promise<Uint16Array>
  /** Images of each class in a split, in the order of the classes: [classes]. Throws as readImages does. */
  classCounts(split: Split): Promise<readonly number[]>
  /** `count` different places in a split; the same seed chooses the same ones. */
  samples(split: Split, count: number, seed: number): number[]
  /** Bytes that a fetch downloads from the first place that is tried; null where that is on this machine. */
  readonly downloadBytes: number | null
  /** Ends a fetch and leaves nothing of it behind. */
  close(): Promise<void>
}

/** Where a prepared data set is kept, in a server's folder of data sets. */
export function datasetFile(folder: string, name: string): string {
  return join(folder, `${name}.bin`)
}

export function createDatasetStore(options: {
  source: Pick<DatasetSource, 'facts' | 'origins'>
  /** See DatasetSources. */
  modules?: readonly string[]
  /** The server's folder of data sets. */
  folder: string
  /** The source's own ones when left out. Without any, its file is all that there is of it. */
  origins?: readonly DatasetOrigin[]
  /** Called when `state` is another one. */
  onChange?(): void
  logger?: Pick<Logger, 'info' | 'warn'>
  telemetry?: Telemetry
  entry?: URL
}): DatasetStore {
  const { source, logger, folder } = options
  const { facts } = source
  const file = datasetFile(folder, facts.name)
  const origins = options.origins ?? source.origins()
  const preparation = createPreparation({
    facts,
    modules: options.modules ?? [],
    file,
    scratch: join(folder, `${facts.name}.fetch`),
    origins,
    logger,
    telemetry: options.telemetry,
    onChange: options.onChange,
    entry: options.entry,
  })

  async function using<Result>(task: (prepared: PreparedFile) => Promise<Result>, signal?: AbortSignal) {
    try {
      return await task(await preparation.ready(signal))
    } catch (error) {
      if (!(error instanceof DamagedDatasetError)) throw error
      preparation.distrust()
      return task(await preparation.ready(signal))
    }
  }

  /** The same with a file that is there: nothing is fetched. */
  async function usingPresent<Result>(task: (prepared: PreparedFile) => Promise<Result>): Promise<Result> {
    if (existsSync(file)) return using(task)
    throw new DatasetUnavailableError(
      `The data set ${facts.name} is not on this machine: ${file} is missing. ${origins.length === 0 ? ONLY_COPY : 'prepareDataset makes it again.'}`,
    )
  }

  const read = (split: Split, indexes: readonly number[]) =>
    usingPresent((prepared) =>
      withDatasetFile(prepared.file, prepared.digest, (opened) => readImages(opened, split, indexes)),
    )

  /** By digest and split. */
  const labels = new Map<string, Uint16Array>()

  const labelsOf = (split: Split) =>
    usingPresent(async (prepared) => {
      const name = `${prepared.digest} ${split}`
      const known = labels.get(name)
      if (known !== undefined) return known
      const read = await withDatasetFile(prepared.file, prepared.digest, (opened) =>
        readLabels(opened, split),
      )
      labels.set(name, read)
      return read
    })

  return {
    facts,
    own: null,
    state: preparation.status,
    async present() {
      await preparation.look()
      return preparation.status()
    },
    prepare: preparation.ready,
    using,
    distrust: preparation.distrust,
    readImages: read,
    async imagePng(split, index, scale) {
      const { pixels } = await read(split, [index])
      return pngOf(pixels, facts.imageShape, scale)
    },
    labels: labelsOf,
    async classCounts(split) {
      const counts = new Array<number>(facts.classes.length).fill(0)
      for (const label of await labelsOf(split)) counts[label]! += 1
      return counts
    },
    samples(split, count, seed) {
      return [...new Random(seed).permutation(facts.count[split]).subarray(0, count)]
    },
    downloadBytes: origins[0] === undefined || 'folder' in origins[0].from ? null : origins[0].from.bytes,
    close: preparation.close,
  }
}
