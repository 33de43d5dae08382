/** The process that computes the features of training pictures: started by the server, ends with its answer. */
import { setPriority } from 'node:os'
import sharp from 'sharp'
import { openArtifactStore } from '../../adapters/local/artifact-store.ts'
import { imageBytes } from '../../data/dataset-facts.ts'
import { type DatasetFile, placeOf, withDatasetFile } from '../../data/dataset-file.ts'
import { DamagedDatasetError } from '../../data/errors.ts'
import { EngineUnavailableError } from '../../engine/engine-unavailable-error.ts'
import { selectEngine } from '../../engine/select.ts'
import { picturesAtOnce } from '../../models/pictures-at-once.ts'
import type { Preprocessing } from '../../models/preprocessing.ts'
import { prepareSample } from '../../models/sample.ts'
import { dieWithParent } from '../../process/lifeline.ts'
import { connectToParent } from '../../process/parent.ts'
import { diskFailure } from '../../storage/room.ts'
import { NonFiniteAnswerError, UnusableModelError } from '../errors.ts'
import { loadNetwork, type Network } from '../network.ts'
import { toRejection } from '../rejection.ts'
import { type FeatureFacts, factsFor, pictureOf, writeFeatures } from './feature-file.ts'
import type { FeatureJob, FromFeatures } from './feature-protocol.ts'

/** Predictions come first, as before a training: who waits for this is told how far it is. */
const NICE = 10

dieWithParent()
setPriority(NICE)
sharp.cache(false)

const parent = connectToParent<FeatureJob, FromFeatures>((job) => {
  write(job)
    // Anything else is a bug or a lack of memory: it ends the process with its stack on stderr.
    .catch(toAnswer)
    .then((answer) => parent.send(answer))
    .then(() => process.exit(0))
})

async function write(job: FeatureJob): Promise<FromFeatures> {
  await selectEngine(job.engine)
  const network = await loadNetwork(job.model, openArtifactStore(job.artifactsFolder))
  await withDatasetFile(job.datasetFile, job.datasetDigest, async (dataset) => {
    const { train } = dataset.header.count
    const [example] = await picturesOf(dataset, [0], job.model.preprocessing)
    const units = (await network.features([example!])).length
    const facts = factsFor(train, units, job.maxBytes)
    await writeFeatures(job.folder, facts, batchesOf(network, dataset, facts, job.model.preprocessing))
  })
  return { type: 'written' }
}

async function* batchesOf(
  network: Network,
  dataset: DatasetFile,
  facts: FeatureFacts,
  preprocessing: Preprocessing,
): AsyncGenerator<Float32Array, void> {
  const batch = picturesAtOnce(preprocessing.size)
  for (let start = 0; start < facts.rows; start += batch) {
    const rows = Array.from({ length: Math.min(batch, facts.rows - start) }, (_, i) => start + i)
    const places = rows.map((row) => pictureOf(facts, row))
    const features = await network.features(await picturesOf(dataset, places, preprocessing))
    const wrong = features.find((value) => !Number.isFinite(value))
    if (wrong !== undefined) throw new NonFiniteAnswerError(`The network has ${wrong} among its features.`)
    yield features
    void parent.send({ type: 'seen', pictures: start + rows.length, of: facts.rows })
  }
}

/** places: ascending. What lies between them is read, too: each image alone costs more, for whole blocks are verified. */
async function picturesOf(
  { header, read }: DatasetFile,
  places: readonly number[],
  preprocessing: Preprocessing,
): Promise<Uint8Array[]> {
  const bytes = imageBytes(header)
  const { pixels } = placeOf(header, 'train')
  const from = places[0]!
  const span = await read(pixels + from * bytes, pixels + (places.at(-1)! + 1) * bytes)
  return Promise.all(
    places.map((place) =>
      prepareSample(span.subarray((place - from) * bytes, (place - from + 1) * bytes), header, preprocessing),
    ),
  )
}

function toAnswer(error: unknown): FromFeatures {
  if (error instanceof EngineUnavailableError) return { type: 'unavailable', message: error.message }
  if (error instanceof DamagedDatasetError) return { type: 'damagedDataset', message: error.message }
  if (diskFailure(error) !== null) {
    const { code, message } = error as NodeJS.ErrnoException
    return { type: 'disk', code: code!, message }
  }
  const rejection = toRejection(error)
  if (rejection.kind !== 'artifact' && !(error instanceof UnusableModelError)) throw error
  return { type: 'rejected', rejection }
}
