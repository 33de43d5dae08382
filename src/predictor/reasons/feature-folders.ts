import { createHash } from 'node:crypto'
import { dirname } from 'node:path'
import type { Logger } from 'pino'
import { createTurns } from '../../concurrency/one-at-a-time.ts'
import type { DatasetStore } from '../../data/dataset.ts'
import { DamagedDatasetError } from '../../data/errors.ts'
import { NotReadyError, OverloadedError, StoppingError } from '../../errors.ts'
import type { ArtifactStore } from '../../ports/artifact-store.ts'
import type { Telemetry } from '../../ports/telemetry.ts'
import { runJob } from '../../process/job.ts'
import { watchRoom } from '../../storage/room.ts'
import { PredictorUnavailableError } from '../errors.ts'
import type { ModelRef } from '../protocol.ts'
import { fromRejection } from '../rejection.ts'
import type { FeatureJob, FromFeatures } from './feature-protocol.ts'

/**
 * The features of the training pictures of data sets, as networks see them. Computed when they are first asked for, by a
 * process of its own at the least priority: that takes from seconds to hours, and predictions go on beside it. Kept beside
 * the weights, as long as a version has these.
 */
export interface FeatureFolders {
  /**
   * The folder that has them (feature-file.ts). Who asks waits for a while, and need not ask again to have them made:
   * once begun, they are made for whoever asks next.
   *
   * Rejects with NotReadyError, which says how far it is, OverloadedError, StorageFullError, DatasetUnavailableError,
   * DamagedArtifactError, UnusableModelError, PredictorUnavailableError, or the signal's reason.
   */
  of(model: ModelRef, dataset: DatasetStore, signal?: AbortSignal): Promise<string>
  /** Ends what is being made. */
  close(): Promise<void>
}

export interface FeatureFolderOptions extends Pick<FeatureJob, 'engine' | 'artifactsFolder'> {
  artifacts: Pick<ArtifactStore, 'derive'>
  /** Whether a version has these weights still: what nobody can ask for is not made to its end. */
  isWanted(digest: string): Promise<boolean>
  logger: Pick<Logger, 'info' | 'warn'>
  telemetry: Telemetry
  /** How long one who asks waits. */
  waitMs?: number
  /** Of a file of features; those of CIFAR-10 by the widest network of the zoo, 4096 units, are 410 MB. */
  maxBytes?: number
  /** Those that may wait for the one that is being made. */
  maxWaiting?: number
  /** The compiled feature-process.js, where this file itself is not compiled. */
  entry?: URL
}

/** A process that says nothing for so long is killed: on `cpu`, a batch of VGG-19 at 224 x 224 takes minutes. */
const SILENCE_MS = 900_000
/** How often it is asked whether it is wanted still. */
const LOOK_MS = 1000

interface Making {
  /** Null until the first pictures are done. */
  progress: { pictures: number; of: number; sinceMs: number } | null
  folder: Promise<string>
}

export function createFeatureFolders(options: FeatureFolderOptions): FeatureFolders {
  const { artifacts, logger, waitMs = 10_000, maxBytes = 512 * 2 ** 20, maxWaiting = 8 } = options
  const entry = options.entry ?? new URL('./feature-process.js', import.meta.url)
  const making = new Map<string, Making>()
  const inTurn = createTurns()
  const closing = new AbortController()

  function begin(key: string, model: ModelRef, dataset: DatasetStore): Making {
    if (making.size > maxWaiting) {
      throw new OverloadedError(
        `The features of ${making.size} models are being computed or wait for it. Try again later.`,
        waitMs,
        making.size,
      )
    }
    const made: Making = {
      progress: null,
      folder: dataset
        .using(
          ({ file, digest }) =>
            artifacts.derive(model.digest, `features-${nameOf(model, digest)}`, (folder) => {
              const { engine, artifactsFolder } = options
              const files = { datasetFile: file, datasetDigest: digest, folder, maxBytes }
              return inTurn(() => make({ engine, artifactsFolder, model, ...files }, made))
            }),
          closing.signal,
        )
        .finally(() => making.delete(key)),
    }
    made.folder.catch((error: unknown) => {
      // Those who asked may have gone.
      if (!closing.signal.aborted)
        logger.warn({ err: error, digest: model.digest }, 'no features were computed')
    })
    making.set(key, made)
    return made
  }

  async function make(task: FeatureJob, made: Making): Promise<void> {
    const unwanted = new AbortController()
    let lookedAt = performance.now()
    const answer = await runJob<FeatureJob, FromFeatures, 'seen'>(
      {
        name: 'features',
        entry,
        task,
        what: 'computes the features of training pictures',
        onOutput: (line, features) => logger.info({ features }, line),
        silenceMs: SILENCE_MS,
        telemetry: options.telemetry,
      },
      {
        seen({ pictures, of }) {
          const now = performance.now()
          made.progress = { pictures, of, sinceMs: made.progress?.sinceMs ?? now }
          if (now - lookedAt < LOOK_MS) return
          lookedAt = now
          options.isWanted(task.model.digest).then(
            (isWanted) => {
              if (!isWanted) unwanted.abort(new Error('The model version was deleted.'))
            },
            // A database that does not answer says nothing of versions.
            () => {},
          )
        },
      },
      AbortSignal.any([closing.signal, unwanted.signal]),
    )
    switch (answer.type) {
      case 'written':
        return
      case 'unavailable':
        throw new PredictorUnavailableError(answer.message)
      case 'damagedDataset':
        throw new DamagedDatasetError(answer.message)
      case 'disk':
        throw watchRoom(dirname(task.folder)).failed(
          Object.assign(new Error(answer.message), { code: answer.code }),
        )
      case 'rejected':
        throw fromRejection(answer.rejection)
    }
  }

  return {
    async of(model, dataset, signal) {
      signal?.throwIfAborted()
      closing.signal.throwIfAborted()
      const key = JSON.stringify([model, dataset.facts.name])
      const made = making.get(key) ?? begin(key, model, dataset)
      return waitFor(made, dataset, waitMs, signal)
    },
    async close() {
      closing.abort(new StoppingError())
      await Promise.allSettled([...making.values()].map(({ folder }) => folder))
    },
  }
}

/** What decides the features beside the weights. */
function nameOf({ architecture, preprocessing }: ModelRef, datasetDigest: string): string {
  const { labels: _, ...seen } = preprocessing
  return createHash('sha256')
    .update(JSON.stringify([architecture, seen, datasetDigest]))
    .digest('hex')
    .slice(0, 16)
}

async function waitFor(
  made: Making,
  dataset: DatasetStore,
  waitMs: number,
  signal: AbortSignal | undefined,
): Promise<string> {
  const late = new AbortController()
  const timer = setTimeout(() => late.abort(), waitMs)
  const given = signal === undefined ? late.signal : AbortSignal.any([late.signal, signal])
  try {
    return await Promise.race([
      made.folder,
      new Promise<never>((_, reject) => {
        given.addEventListener('abort', () => reject(signal?.reason ?? notReady(made, dataset)), {
          once: true,
        })
      }),
    ])
  } finally {
    clearTimeout(timer)
  }
}

function notReady({ progress }: Making, { facts, state }: DatasetStore): NotReadyError {
  const what = `The features of the training pictures of ${facts.name}`
  if (progress === null) {
    const why = state().state === 'FETCHING' ? 'the data set is being fetched' : 'others come first'
    return new NotReadyError(`${what} wait to be computed: ${why}. Ask again in a while.`)
  }
  const { pictures, of, sinceMs } = progress
  const leftMs = ((performance.now() - sinceMs) * (of - pictures)) / pictures
  const left = leftMs < 90_000 ? `${Math.ceil(leftMs / 1000)} s` : `${Math.ceil(leftMs / 60_000)} minutes`
  return new NotReadyError(
    `${what} are being computed, which is done once for a version: ${pictures} of ${of}, about ${left} are left. Ask again then.`,
  )
}
