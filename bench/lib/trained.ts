import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readHeader } from '../../src/data/dataset-file.ts'
import type { Normalization } from '../../src/data/normalization.ts'
import { startChild } from '../../src/process/child.ts'
import { type HyperparametersInput, resolveHyperparameters } from '../../src/runs/model/hyperparameters.ts'
import type { PhaseSeconds } from '../../src/runs/model/phases.ts'
import type { FromTrainer, ToTrainer, TrainerProgress } from '../../src/trainer/protocol.ts'
import type { Architecture } from '../../src/zoo/architecture.ts'
import { TRAINER } from './compiled.ts'

/** A trainer at work, as the server starts it, but that nobody keeps what it saves. */
export interface Training {
  architecture: Architecture
  hyperparameters: HyperparametersInput
  normalization: Normalization
  datasetFile: string
  /** Of steps, from the end of the first window of them on. */
  seconds: number
  /** The compiled trainer-process.js; this version's when left out. */
  entry?: URL
}

export interface Trained {
  /** Of the images that were trained in the time that is measured. */
  imagesPerSecond: number
  /** Of the time that steps took: how long they waited for their batch. */
  waiting: number
  peakBytes: number
  phases: PhaseSeconds
}

/** @throws Error when the trainer fails, or ends too early */
export async function measureTraining(training: Training): Promise<Trained> {
  const { architecture, datasetFile, normalization, seconds, entry = TRAINER } = training
  const resolved = resolveHyperparameters(
    { epochs: 1000, learningRate: 1e-4, ...training.hyperparameters },
    architecture.batchNorm,
    normalization,
  )
  if ('issues' in resolved) throw new Error(resolved.issues[0]!.message)
  const { hyperparameters } = resolved
  const folder = await mkdtemp(join(tmpdir(), 'vggzoo-bench-'))
  let first: { at: number; progress: TrainerProgress } | undefined
  let trained: Trained | undefined
  let failure = 'it ended too early'
  const trainer = startChild<ToTrainer, FromTrainer>({
    entry,
    onMessage(message) {
      if (message.type === 'failed') failure = message.failure.message
      if (message.type !== 'points') return
      const { progress } = message
      const at = message.points.at(-1)!.at
      first ??= { at, progress }
      if (at - first.at < seconds * 1000) return
      const spent = (phase: keyof PhaseSeconds) => progress.phases[phase] - first!.progress.phases[phase]
      const steps = spent('data') + spent('forwardBackward') + spent('optimizer')
      trained ??= {
        imagesPerSecond: ((progress.step - first.progress.step) * hyperparameters.batchSize) / steps,
        waiting: spent('data') / steps,
        peakBytes: progress.peakMemoryBytes,
        phases: progress.phases,
      }
      trainer.kill('SIGKILL')
    },
    onOutput() {},
  })
  try {
    trainer.send({
      type: 'train',
      job: {
        architecture,
        hyperparameters,
        engine: 'auto',
        seed: 1,
        pinned: [],
        metadata: {},
        datasetFile,
        datasetDigest: readHeader(datasetFile).digest,
        artifactsFolder: folder,
        owner: 'bench',
        changes: [],
        from: [],
        transfer: null,
        checkpoints: { everyEpochs: 1, keepBest: 0, everySteps: null, everySeconds: null },
      },
    })
    await trainer.exited
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
  if (trained === undefined) throw new Error(`A trainer of ${architecture.name} failed: ${failure}`)
  return trained
}
