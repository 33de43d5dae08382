import { setFlagsFromString } from 'node:v8'
import * as tf from '@tensorflow/tfjs'
import type { EngineCandidate } from './candidate.ts'
import { correctGradients } from './corrections.ts'
import { cpuEngine } from './cpu.ts'
import { EngineUnavailableError } from './engine-unavailable-error.ts'
import { nativeEngine } from './native.ts'
import { deviceOf, type EngineChoice, type EngineReport } from './report.ts'
import { tensorflowEngine } from './tensorflow.ts'
import { wasmEngine } from './wasm.ts'
import { webgpuEngine } from './webgpu.ts'

/** The order in which `auto` tries them: fastest first. `cpu` always starts. */
const CANDIDATES: readonly EngineCandidate[] = [
  tensorflowEngine,
  webgpuEngine,
  nativeEngine,
  wasmEngine,
  cpuEngine,
]

/**
 * Makes one TensorFlow.js backend current and ready, for the rest of this process's life.
 *
 * @throws {EngineUnavailableError} when a named engine (not `auto`) cannot run here.
 */
export async function selectEngine(choice: EngineChoice): Promise<EngineReport> {
  // Without it tfjs checks the outputs of every operation for NaN, and advertises tfjs-node on the console.
  tf.enableProdMode()
  correctGradients()
  // V8 would come to think that a step's tensors live long, because they do while its young generation is still small,
  // and allocate them where only a full collection looks: tens of kilobytes for every step.
  setFlagsFromString('--no-allocation-site-pretenuring')

  const notTaken: EngineReport['notTaken'] = []
  for (const candidate of CANDIDATES) {
    if (choice !== 'auto' && choice !== candidate.name) continue

    const outcome = await candidate.start(choice !== 'auto')
    if ('kind' in outcome) return { ...outcome, device: deviceOf(outcome), notTaken }
    if (choice !== 'auto') throw new EngineUnavailableError(candidate.name, outcome.reason, outcome.remedy)
    notTaken.push({ engine: candidate.name, reason: outcome.reason })
  }
  throw new Error(`No engine is called "${choice}", and not even cpu started.`)
}
