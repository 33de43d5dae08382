/** What the benchmarks of predictions share: weights in a store, requests, and their latencies. */

import { openArtifactStore } from '../../src/adapters/local/artifact-store.ts'
import { NO_TELEMETRY } from '../../src/adapters/local/telemetry.ts'
import { NO_TRACING } from '../../src/adapters/local/tracing.ts'
import type { EngineChoice } from '../../src/engine/report.ts'
import { COVER } from '../../src/pictures/resize.ts'
import { createPredictor, type Predictor, type PredictRequest } from '../../src/predictor/predictor.ts'
import type { ModelRef, PredictImage } from '../../src/predictor/protocol.ts'
import type { Architecture } from '../../src/zoo/architecture.ts'
import { buildModel, initializeWeights } from '../../src/zoo/model.ts'
import { PREDICTOR } from './compiled.ts'
import { quantile } from './statistics.ts'
import { saveWeights } from './weights.ts'

/** A picture that needs no decoding. */
export const SAMPLE: PredictImage = { pixels: new Uint8Array(32 * 32 * 3).fill(120) }

export interface Latency {
  /** Milliseconds. */
  p50: number
  p95: number
}

/** On the engine of this process. The weights are random: speed does not depend on them. */
export async function storeRandomModel(
  architecture: Architecture,
  folder: string,
  seed = 1,
): Promise<ModelRef> {
  const model = buildModel(architecture)
  initializeWeights(model, seed)
  const store = openArtifactStore(folder)
  const { staged, path } = await store.stage()
  const written = await saveWeights(model, architecture, path)
  model.dispose()
  await store.adopt({ staged, ...written })
  await store.settle(written.digest)
  const [height, width] = architecture.inputShape
  const labels = Array.from({ length: architecture.classes }, (_, index) => `class ${index}`)
  return {
    digest: written.digest,
    architecture,
    preprocessing: {
      size: [height, width],
      resize: COVER,
      mean: [0.5, 0.5, 0.5],
      std: [0.5, 0.5, 0.5],
      labels,
    },
  }
}

/** As the server's, with the compiled process. */
export function startPredictor(engine: EngineChoice, folder: string): Predictor {
  return createPredictor({
    engine,
    artifactsFolder: folder,
    logger: { info() {}, warn: console.warn, error() {} },
    telemetry: NO_TELEMETRY,
    tracing: NO_TRACING,
    entry: PREDICTOR,
  })
}

/**
 * From the call to the answer, one request after the other.
 * @param pauseMs  between an answer and the next call
 */
export async function measureLatency(
  predictor: Predictor,
  request: PredictRequest,
  { milliseconds, most = Number.POSITIVE_INFINITY, pauseMs = 0 }: MeasureOptions,
): Promise<Latency> {
  const latencies: number[] = []
  const end = performance.now() + milliseconds
  // Two to warm up.
  for (let count = -2; count < most && (count < 5 || performance.now() < end); count++) {
    const { latencyMs } = await predictor.predict(request)
    if (count >= 0) latencies.push(latencyMs)
    if (pauseMs > 0) await new Promise((resolve) => setTimeout(resolve, pauseMs))
  }
  return { p50: quantile(latencies, 0.5), p95: quantile(latencies, 0.95) }
}

interface MeasureOptions {
  milliseconds: number
  most?: number
  pauseMs?: number
}

export function cell({ p50, p95 }: Latency): string {
  return `${p50.toFixed(1)} / ${p95.toFixed(1)} ms`
}
