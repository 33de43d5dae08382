import { setFlagsFromString } from 'node:v8'
import { tf } from '../tensorflow.ts'
import type { EngineCandidate, EngineRefused } from './candidate.ts'
import { correctGradients } from './corrections.ts'
import { cpuEngine } from './cpu.ts'
import { EngineUnavailableError } from './engine-unavailable-error.ts'
import { nativeEngine } from './native.ts'
import { type EngineRequest, type EngineTrial, notTakenFor, rankEngines } from './ranking.ts'
import { deviceOf, type EngineName, type EngineReport } from './report.ts'
import { tensorflowEngine } from './tensorflow.ts'
import { wasmEngine } from './wasm.ts'
import { webgpuEngine } from './webgpu.ts'

const CANDIDATES: Readonly<Record<EngineName, EngineCandidate>> = {
  tensorflow: tensorflowEngine,
  webgpu: webgpuEngine,
  native: nativeEngine,
  wasm: wasmEngine,
  cpu: cpuEngine,
}

/**
 * Makes one TensorFlow.js backend current and ready, for the rest of this process's life.
 *
 * @throws {EngineUnavailableError} when a named engine (not `auto`) cannot run here.
 */
export async function selectEngine(request: EngineRequest): Promise<EngineReport> {
  prepareTensorFlow()
  if (request === 'auto') return selectFastest([])
  if (typeof request === 'object') return selectFastest(request.trials)
  if (!Object.hasOwn(CANDIDATES, request)) throw new Error(`No engine is called "${request}".`)
  const outcome = await CANDIDATES[request].start(true)
  if ('reason' in outcome) throw new EngineUnavailableError(request, outcome.reason, outcome.remedy)
  return { ...outcome, device: deviceOf(outcome), notTaken: [] }
}

/** As above, for one engine alone and on the terms of `auto`, which takes no software driver. */
export async function tryEngine(name: EngineName): Promise<EngineReport | EngineRefused> {
  prepareTensorFlow()
  const outcome = await CANDIDATES[name].start(false)
  return 'reason' in outcome ? outcome : { ...outcome, device: deviceOf(outcome), notTaken: [] }
}

async function selectFastest(trials: readonly EngineTrial[]): Promise<EngineReport> {
  const refused = new Map<EngineName, string>()
  for (const name of rankEngines(trials)) {
    const outcome = await CANDIDATES[name].start(false)
    if ('kind' in outcome) {
      return { ...outcome, device: deviceOf(outcome), notTaken: notTakenFor(name, trials, refused) }
    }
    refused.set(name, outcome.reason)
  }
  throw new Error('Not even the engine cpu started.')
}

function prepareTensorFlow(): void {
  // Without it tfjs checks the outputs of every operation for NaN, and advertises tfjs-node on the console.
  tf.enableProdMode()
  correctGradients()
  // V8 would come to think that a step's tensors live long, because they do while its young generation is still small,
  // and allocate them where only a full collection looks: tens of kilobytes for every step.
  setFlagsFromString('--no-allocation-site-pretenuring')
}
