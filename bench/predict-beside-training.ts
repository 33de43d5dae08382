/** Predictions while a run trains, and the run while it is predicted. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { selectEngine } from '../src/engine/select.ts'
import type { Predictor, PredictRequest } from '../src/predictor/predictor.ts'
import { defineBench } from './lib/bench.ts'
import { type Measurements, measured, measureEngine, TRAINER_NICE } from './lib/engine.ts'
import { FILLING, throughput } from './lib/filling.ts'
import { trainable } from './lib/networks.ts'
import { cell, measureLatency, SAMPLE, startPredictor, storeRandomModel } from './lib/predictions.ts'

/** A picture every so often: an answer, a pause, the next. */
const PAUSE_MS = 50

export const bench = defineBench({
  measures: 'milliseconds of a prediction during training, images/s of the training',
  takes: '1 minute',
  needs: 'the native engine',
  async run() {
    const trainer = { ...FILLING, nice: TRAINER_NICE }
    console.log(
      `Predictions (p50 / p95), one every answer and ${PAUSE_MS} ms, and a trainer of ${FILLING.network}, batch ` +
        `${FILLING.batch}, nice ${TRAINER_NICE}`,
    )
    const folder = await mkdtemp(join(tmpdir(), 'vggzoo-bench-'))
    const predictor = startPredictor(FILLING.engine, folder)
    try {
      // The engine of this process only writes the weights.
      await selectEngine('cpu')
      for (const network of [FILLING.network, 'lecture_vgg16']) {
        const request = { model: await storeRandomModel(trainable(network), folder), image: SAMPLE }
        const options = { milliseconds: FILLING.seconds * 1000, pauseMs: PAUSE_MS }
        const alone = await measureLatency(predictor, request, options)
        const undisturbed = throughput(measured(await measureEngine('train', trainer)))
        const { latency, imagesPerSecond } = await whileTraining(predictor, trainer, request)
        console.log(
          `  ${network.padEnd(14)} alone ${cell(alone)} · during training ${cell(latency)}, ` +
            `${(latency.p50 / alone.p50).toFixed(1)} x · training ${undisturbed.toFixed(1)} images/s, ` +
            `with predictions ${imagesPerSecond.toFixed(1)}, ${(imagesPerSecond / undisturbed).toFixed(2)} x`,
        )
      }
    } finally {
      await predictor.close()
      await rm(folder, { recursive: true })
    }
  },
})

async function whileTraining(
  predictor: Predictor,
  job: Measurements['train']['job'],
  request: PredictRequest,
) {
  let latency: ReturnType<typeof measureLatency> | undefined
  const result = await measureEngine('train', job, () => {
    // A little less than the trainer's time, so that no prediction has the machine to itself.
    latency = measureLatency(predictor, request, {
      milliseconds: (FILLING.seconds - 0.5) * 1000,
      pauseMs: PAUSE_MS,
    })
  })
  return { imagesPerSecond: throughput(measured(result)), latency: await latency! }
}
