/** The process that evaluates one model version: started by the server, ends with its answer. */
import { setPriority } from 'node:os'
import sharp from 'sharp'
import { openArtifactStore } from '../adapters/local/artifact-store.ts'
import { imageBytes } from '../data/dataset-facts.ts'
import { type DatasetFile, withDatasetFile } from '../data/dataset-file.ts'
import { DamagedDatasetError } from '../data/errors.ts'
import { openSplit } from '../data/split-images.ts'
import { EngineUnavailableError } from '../engine/engine-unavailable-error.ts'
import { selectEngine } from '../engine/select.ts'
import { picturesAtOnce } from '../models/pictures-at-once.ts'
import { prepareSample } from '../models/sample.ts'
import { UnusableModelError } from '../predictor/errors.ts'
import { loadNetwork, type Network } from '../predictor/network.ts'
import { toRejection } from '../predictor/rejection.ts'
import { dieWithParent } from '../process/lifeline.ts'
import { connectToParent } from '../process/parent.ts'
import type { EvaluationJob, FromEvaluator } from './protocol.ts'
import { createTally, type Tally } from './tally.ts'

/** Predictions come first, training after it: somebody waits for the answer. */
const NICE = 5

dieWithParent()
setPriority(NICE)
sharp.cache(false)

const parent = connectToParent<EvaluationJob, FromEvaluator>((job) => {
  evaluate(job)
    // Anything else is a bug or a lack of memory: it ends the process with its stack on stderr.
    .catch(toAnswer)
    .then((answer) => parent.send(answer))
    .then(() => process.exit(0))
})

async function evaluate(job: EvaluationJob): Promise<FromEvaluator> {
  const engine = await selectEngine(job.engine)
  const network = await loadNetwork(job.model, openArtifactStore(job.artifactsFolder))
  return withDatasetFile(job.datasetFile, job.datasetDigest, async (dataset) => {
    const tally = await tallyOf(network, dataset, job)
    return { type: 'evaluated', result: tally.result(), mistakes: tally.mistakes(), engine }
  })
}

/** What has seen the test images. */
async function tallyOf(
  network: Network,
  dataset: DatasetFile,
  { model: { preprocessing }, limit }: EvaluationJob,
): Promise<Tally> {
  const { size, labels: classes } = preprocessing
  const tally = createTally(classes.length)
  const test = await openSplit(dataset, 'test')
  const batch = picturesAtOnce(size)
  const count = Math.min(limit ?? test.count, test.count)
  const bytes = imageBytes(test)
  for (let start = 0; start < count; start += batch) {
    const places = Array.from({ length: Math.min(batch, count - start) }, (_, i) => start + i)
    const images = new Uint8Array(places.length * bytes)
    await test.read(places, images)
    const pictures = await Promise.all(
      places.map((_, i) => prepareSample(images.subarray(i * bytes, (i + 1) * bytes), test, preprocessing)),
    )
    const logits = await network.logits(pictures)
    for (const [i, place] of places.entries()) {
      tally.add(logits.subarray(i * classes.length, (i + 1) * classes.length), test.labels[place]!)
    }
    void parent.send({ type: 'seen', images: start + places.length })
  }
  return tally
}

function toAnswer(error: unknown): FromEvaluator {
  if (error instanceof EngineUnavailableError) return { type: 'unavailable', message: error.message }
  if (error instanceof DamagedDatasetError) return { type: 'damagedDataset', message: error.message }
  const rejection = toRejection(error)
  if (rejection.kind !== 'artifact' && !(error instanceof UnusableModelError)) throw error
  return { type: 'rejected', rejection }
}
