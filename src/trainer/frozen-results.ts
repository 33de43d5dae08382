import { createHash } from 'node:crypto'
import { closeSync, createReadStream, openSync, readSync } from 'node:fs'
import { open, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { isIdentity, NO_AUGMENTATION } from '../data/augmentation/augmentation.ts'
import { orderOf } from '../data/batches.ts'
import type { DatasetBatches } from '../data/dataset-batches.ts'
import { SPLITS, type Split } from '../data/dataset-facts.ts'
import { numbersOf } from '../engine/numbers.ts'
import type { EngineReport } from '../engine/report.ts'
import { picturesAtOnce } from '../models/pictures-at-once.ts'
import type { ArtifactStore } from '../ports/artifact-store.ts'
import { frozenRecordBytes, MOST_FROZEN_BYTES } from '../runs/model/frozen-results.ts'
import { writeWhole } from '../storage/whole.ts'
import { tf } from '../tensorflow.ts'
import { FROZEN_PREFIX, type StopKind, type TrainingJob } from './protocol.ts'
import { whenRoom } from './saver.ts'
import type { Frozen, TrainingBatch, TrainingSession } from './session.ts'

/*
 * What the frozen layers of a network make of the pictures of a data set: the same in every epoch, so that it is computed
 * once and read from then on. A file for each split, of a record for each picture: its class as an int32, then the result
 * as float32, bit for bit what it was computed as. Beside them in JSON how many there are and what the files' digests are.
 */

const TELL_MS = 5000
const FACTS = 'facts.json'

interface Facts {
  /** By split. */
  count: Record<Split, number>
  sha256: Record<Split, string>
}

/** The results in place of the images: the same pictures in the same order. */
export interface FrozenResults extends Pick<DatasetBatches, 'epoch'> {
  close(): void
}

export interface FrozenResultsOptions {
  job: Pick<
    TrainingJob,
    'architecture' | 'hyperparameters' | 'datasetDigest' | 'transfer' | 'owner' | 'until'
  >
  dataset: Pick<DatasetBatches, 'count' | 'epoch'>
  session: Pick<TrainingSession, 'frozen' | 'phases'>
  store: Pick<ArtifactStore, 'derive'>
  engine: EngineReport
  /** Between two batches of pictures: whether training is to stop. */
  applyRequests(): StopKind | null
  /** Now and then while it computes. */
  progress(): void
  /** For people, a line. */
  tell(line: string): void
}

/**
 * Those of a job, computed where they are not on the disk; null where there is nothing to keep: no layer is frozen, pictures
 * are another each time, or too many. They lie beside the weights that the job begins with, for all runs that would
 * compute the same.
 */
export async function openFrozenResults(
  options: FrozenResultsOptions,
): Promise<FrozenResults | StopKind | null> {
  const { job, dataset, session, store, tell } = options
  const { frozen } = session
  const { transfer, hyperparameters } = job
  if (frozen === null || transfer === null || !isIdentity(hyperparameters.augmentation)) return null
  const { trainLimit, testLimit } = hyperparameters
  const count = {
    train: Math.min(trainLimit ?? dataset.count.train, dataset.count.train),
    // Who only wants the losses of some steps tests nothing.
    test: job.until === undefined ? Math.min(testLimit ?? dataset.count.test, dataset.count.test) : 0,
  }
  const pictures = count.train + count.test
  const bytes = pictures * frozenRecordBytes(frozen.shape)
  if (bytes > MOST_FROZEN_BYTES) {
    tell(
      `What the frozen layers make of ${pictures.toLocaleString('en-US')} pictures would take ${gibibytes(bytes)} on the disk: it is computed in each step.`,
    )
    return null
  }
  const key = keyOf(options, count)
  for (let tries = 0; ; tries++) {
    let stopped: StopKind | undefined
    let made = false
    try {
      const folder = await store.derive(
        transfer.weights,
        key,
        async (draft) => {
          made = true
          stopped = await compute(draft, options, count)
          if (stopped !== undefined) throw new Error('stopped')
        },
        job.owner,
      )
      const results = await openFolder(folder, frozen)
      if (results !== null) {
        if (!made)
          tell(`What the frozen layers make of ${pictures.toLocaleString('en-US')} pictures is on the disk.`)
        return results
      }
      if (tries > 0) throw new Error(`The disk does not keep what is written to ${folder}.`)
      tell(`What the frozen layers make of the pictures is damaged on the disk, and is computed again.`)
      await rm(folder, { recursive: true, force: true })
    } catch (error) {
      if (stopped !== undefined) return stopped
      // Whoever removed the folder meanwhile wants it no more, or it is damaged, too.
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || tries > 2) throw error
    }
  }
}

/** Of all that decides the results, beside the weights. */
function keyOf({ job, engine }: FrozenResultsOptions, count: Record<Split, number>): string {
  const { features, batchNorm, inputShape, head } = job.architecture
  const [height, width] = inputShape
  const { normalization } = job.hyperparameters
  const { kind, device, instructionSet } = engine
  const all = JSON.stringify({
    ...{ features, batchNorm, inputShape, head, layers: job.transfer!.frozen },
    ...{ dataset: job.datasetDigest, normalization, count, pictures: picturesAtOnce([height, width]) },
    ...{ kind, device, instructionSet },
  })
  return `${FROZEN_PREFIX}${createHash('sha256').update(all).digest('hex').slice(0, 32)}`
}

async function compute(
  folder: string,
  { job, dataset, session, applyRequests, progress, tell }: FrozenResultsOptions,
  count: Record<Split, number>,
): Promise<StopKind | undefined> {
  const frozen = session.frozen!
  const [height, width] = job.architecture.inputShape
  const pictures = count.train + count.test
  const began = performance.now()
  let told = began
  let done = 0
  const say = `What the frozen layers make of ${pictures.toLocaleString('en-US')} pictures`
  tell(`${say} is computed once, and kept on the disk while a run needs it.`)
  const sha256: Record<Split, string> = { train: '', test: '' }
  for (const split of SPLITS) {
    const file = await open(join(folder, fileOf(split)), 'w')
    try {
      const hash = createHash('sha256')
      let at = 0
      // Always so many at a time: what an engine makes of one may depend on those beside it in its last bits.
      const batches = dataset.epoch(split, {
        ...{
          batchSize: picturesAtOnce([height, width]),
          seed: 0,
          epoch: 0,
          shuffle: false,
          limit: count[split],
        },
        augmentation: NO_AUGMENTATION,
        normalization: job.hyperparameters.normalization,
      })
      for await (const batch of batches) {
        const started = performance.now()
        await nextTurn()
        const how = applyRequests()
        if (how !== null) return how
        const records = await recordsOf(batch, frozen, job.architecture.inputShape)
        hash.update(records)
        const place = at
        await whenRoom(() => writeWhole(file, records, place), 'what the frozen layers make of the pictures')
        at += records.length
        done += batch.size
        const now = performance.now()
        session.phases.add('frozenLayers', now - started)
        if (now - told < TELL_MS) continue
        told = now
        const left = ((now - began) / 1000 / done) * (pictures - done)
        tell(
          `Frozen layers: ${done.toLocaleString('en-US')} of ${pictures.toLocaleString('en-US')} pictures, ${Math.ceil(left)} s left`,
        )
        progress()
      }
      sha256[split] = hash.digest('hex')
    } finally {
      await file.close()
    }
  }
  await writeFile(join(folder, FACTS), JSON.stringify({ count, sha256 } satisfies Facts))
  tell(`${say} took ${((performance.now() - began) / 1000).toFixed(1)} s.`)
  progress()
  return undefined
}

async function recordsOf(
  { x, y, size }: TrainingBatch,
  frozen: Frozen,
  inputShape: readonly number[],
): Promise<Uint8Array> {
  const results = tf.tidy(() => frozen.forward(tf.tensor(x, [size, ...inputShape])))
  try {
    const values = await numbersOf(results)
    const bytes = frozenRecordBytes(frozen.shape)
    const length = values.length / size
    const records = new Uint8Array(size * bytes)
    for (let i = 0; i < size; i++) {
      new Int32Array(records.buffer, i * bytes, 1)[0] = y[i]!
      new Float32Array(records.buffer, i * bytes + 4, length).set(
        values.subarray(i * length, (i + 1) * length),
      )
    }
    return records
  } finally {
    results.dispose()
  }
}

/** @returns null where the files are not what was written */
async function openFolder(folder: string, frozen: Frozen): Promise<FrozenResults | null> {
  const { count, sha256 } = JSON.parse(await readFile(join(folder, FACTS), 'utf8')) as Facts
  for (const split of SPLITS) {
    const hash = createHash('sha256')
    for await (const piece of createReadStream(join(folder, fileOf(split)), { highWaterMark: 2 ** 20 }))
      hash.update(piece)
    if (hash.digest('hex') !== sha256[split]) return null
  }
  // Who has opened them reads on when they are removed.
  const files = {
    train: openSync(join(folder, fileOf('train')), 'r'),
    test: openSync(join(folder, fileOf('test')), 'r'),
  }
  const bytes = frozenRecordBytes(frozen.shape)
  const length = bytes / 4 - 1
  return {
    async *epoch(split, { batchSize, seed, epoch, shuffle, limit, skip = 0 }) {
      const all = Math.min(limit ?? count[split], count[split])
      const order = shuffle ? orderOf(seed, epoch, all) : null
      const record = new Uint8Array(bytes)
      const label = new Int32Array(record.buffer, 0, 1)
      const values = new Float32Array(record.buffer, 4, length)
      for (let start = skip * batchSize; start < all; start += batchSize) {
        const size = Math.min(batchSize, all - start)
        const x = new Float32Array(size * length)
        const y = new Int32Array(size)
        for (let i = 0; i < size; i++) {
          const index = order === null ? start + i : order[start + i]!
          readAt(files[split], record, index * bytes)
          y[i] = label[0]!
          x.set(values, i * length)
        }
        yield { x, y, size, isFrozenResult: true } satisfies TrainingBatch
      }
    },
    close() {
      for (const split of SPLITS) closeSync(files[split])
    },
  }
}

function readAt(file: number, into: Uint8Array, place: number): void {
  for (let at = 0; at < into.length; ) {
    const read = readSync(file, into, at, into.length - at, place + at)
    if (read === 0) throw new Error('A file of what the frozen layers make ends too early.')
    at += read
  }
}

function fileOf(split: Split): string {
  return `${split}.bin`
}

function gibibytes(bytes: number): string {
  return `${(bytes / 2 ** 30).toFixed(1)} GiB`
}
