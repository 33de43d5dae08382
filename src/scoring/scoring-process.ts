/** The process that evaluates one model version: started by the server, ends with its answer. */
import { setPriority } from 'node:os'
import sharp from 'sharp'
import { openArtifactStore } from '../adapters/local/artifact-store.ts'
import { imageBytes } from '../data/dataset-facts.ts'
import { DamagedDatasetError } from '../data/errors.ts'
import { loadSplit } from '../data/load.ts'
import { EngineUnavailableError } from '../engine/engine-unavailable-error.ts'
import { selectEngine } from '../engine/select.ts'
import { prepareSample } from '../models/sample.ts'
import { UnusableModelError } from '../predictor/errors.ts'
import { loadNetwork, picturesAtOnce } from '../predictor/network.ts'
import { toRejection } from '../predictor/rejection.ts'
import { dieWithParent } from '../process/lifeline.ts'
import { connectToParent } from '../process/parent.ts'
import type { EvaluationJob, FromEvaluator } from './protocol.ts'
import { createTally } from './tally.ts'

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
  const batch = picturesAtOnce(size)
  const count = Math.min(limit ?? test.count, test.count)
  const bytes = imageBytes(test)
  for (let start = 0; start < count; start += batch) {
    const indexes = Array.from({ length: Math.min(batch, count - start) }, (_, i) => start + i)
    const pictures = await Promise.all(
      indexes.map((index) =>
        prepareSample(test.pixels.subarray(index * bytes, (index + 1) * bytes), test, model.preprocessing),
      ),
    )
    const logits = await network.logits(pictures)
    for (const [i, index] of indexes.entries()) {
      tally.add(logits.subarray(i * labels.length, (i + 1) * labels.length), test.labels[index]!)
    }
    void parent.send({ type: 'seen', images: start + indexes.length })
  }
  return { type: 'evaluated', result: tally.result(), mistakes: tally.mistakes(), engine }
}

function toAnswer(error: unknown): FromEvaluator {
  if (error instanceof EngineUnavailableError) return { type: 'unavailable', message: error.message }
  if (error instanceof DamagedDatasetError) return { type: 'damagedDataset', message: error.message }
  const rejection = toRejection(error)
  if (rejection.kind !== 'artifact' && !(error instanceof UnusableModelError)) throw error
  return { type: 'rejected', rejection }
}
