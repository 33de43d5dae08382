/** The process that evaluates one model version: started by the server, ends with its answer. */
import { setPriority } from 'node:os'
import sharp from 'sharp'
import { openArtifactStore } from '../adapters/local/artifact-store.ts'
import { DamagedDatasetError } from '../data/errors.ts'
import { type LoadedSplit, loadSplit } from '../data/load.ts'
import { EngineUnavailableError } from '../engine/engine-unavailable-error.ts'
import { selectEngine } from '../engine/select.ts'
import type { Preprocessing } from '../models/preprocessing.ts'
import { UnusableModelError } from '../predictor/errors.ts'
import { loadNetwork } from '../predictor/network.ts'
import { encodePng, prepareImage } from '../predictor/pictures/image.ts'
import { toRejection } from '../predictor/rejection.ts'
import { dieWithParent } from '../process/lifeline.ts'
import { connectToParent } from '../process/parent.ts'
import type { EvaluationJob, FromEvaluator } from './protocol.ts'
import { createTally } from './tally.ts'

/** Predictions come first, training after it: somebody waits for the answer. */
const NICE = 5

/**
 * Pictures in a forward pass: as many as in a trainer's evaluation where they are small, so that the same weights have
 * the same figures to the last bit. VGG-16 keeps 110 MB of activations for a picture of 224 x 224 pixels.
 */
const MAX_BATCH = 128
const MAX_PIXELS = 2 ** 18

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

async function evaluate({
  engine: choice,
  artifactsFolder,
  datasetFile,
  datasetDigest,
  model,
  limit,
}: EvaluationJob): Promise<FromEvaluator> {
  const engine = await selectEngine(choice)
  const network = await loadNetwork(model, openArtifactStore(artifactsFolder))
  const test = await loadSplit(datasetFile, datasetDigest, 'test')
  const { size, labels } = model.preprocessing
  const tally = createTally(labels.length)
  const batch = Math.max(1, Math.min(MAX_BATCH, Math.floor(MAX_PIXELS / (size[0] * size[1]))))
  const count = Math.min(limit ?? test.count, test.count)
  for (let start = 0; start < count; start += batch) {
    const indexes = Array.from({ length: Math.min(batch, count - start) }, (_, i) => start + i)
    const pictures = await Promise.all(indexes.map((index) => pictureOf(test, index, model.preprocessing)))
    const logits = await network.logits(pictures)
    for (const [i, index] of indexes.entries()) {
      tally.add(logits.subarray(i * labels.length, (i + 1) * labels.length), test.labels[index]!)
    }
    void parent.send({ type: 'seen', images: start + indexes.length })
  }
  return { type: 'evaluated', result: tally.result(), mistakes: tally.mistakes(), engine }
}

/** As a prediction of the same sample sees it: RGB bytes of the network's size. */
async function pictureOf(
  { imageShape: [height, width, channels], pixels }: LoadedSplit,
  index: number,
  { size, resize }: Preprocessing,
): Promise<Uint8Array> {
  const bytes = height * width * channels
  const picture = pixels.subarray(index * bytes, (index + 1) * bytes)
  if (height === size[0] && width === size[1]) return picture
  const prepared = await prepareImage(await encodePng(picture, [height, width]), size, resize)
  return prepared.pixels
}

function toAnswer(error: unknown): FromEvaluator {
  if (error instanceof EngineUnavailableError) return { type: 'unavailable', message: error.message }
  if (error instanceof DamagedDatasetError) return { type: 'damagedDataset', message: error.message }
  const rejection = toRejection(error)
  if (rejection.kind !== 'artifact' && !(error instanceof UnusableModelError)) throw error
  return { type: 'rejected', rejection }
}
