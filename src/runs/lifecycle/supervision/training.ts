import type { Logger } from 'pino'
import type { EngineRequest } from '../../../engine/ranking.ts'
import { trainedPreprocessing } from '../../../models/versions.ts'
import type { ArtifactStore } from '../../../ports/artifact-store.ts'
import type { Telemetry } from '../../../ports/telemetry.ts'
import type { TrainerEnd } from '../../../ports/trainer-launcher.ts'
import type { FromTrainer, TrainerEnding, TrainingJob } from '../../../trainer/protocol.ts'
import type { Architecture } from '../../../zoo/architecture.ts'
import type { RunHistory } from '../../history/history.ts'
import type { Journal } from '../../journal/journal.ts'
import { failureOfEnd } from '../../model/failure.ts'
import type { Run } from '../../model/run.ts'
import { epochsBetweenCheckpoints } from '../../model/saved-epochs.ts'
import type { RunOutput } from '../../output/output.ts'
import type { Checkpoints, ResumePoint } from '../checkpoints.ts'
import { transferJobOf } from '../transfer.ts'
import type { Ending } from './ending.ts'
import type { Persistence } from './persist.ts'
import type { PreparedDataset } from './prepare.ts'
import { createPump } from './pump.ts'
import { recordTraining } from './record.ts'
import type { Stopping } from './stopping.ts'
import type { Trainer } from './trainer.ts'
import type { Updates } from './updates.ts'

/** A run for which everything is there that its trainer needs. */
export interface ReadyRun {
  run: Run
  architecture: Architecture
  dataset: PreparedDataset
  /** Checkpoints that it can go on from, newest first; none for a beginning. */
  from: readonly ResumePoint[]
}

export interface TrainingOptions {
  journal: Journal
  history: Pick<RunHistory, 'epochs'>
  logger: Logger
  telemetry: Telemetry
  engine: EngineRequest
  artifacts: Pick<ArtifactStore, 'tidy'>
  artifactsFolder: string
  /** Of the span of the attempt. */
  traceparent: string | undefined
  checkpoints: Checkpoints
  output: Pick<RunOutput, 'open'>
  trainer: Trainer
  updates: Updates
  stopping: Pick<Stopping, 'how'>
  persist: Persistence['persist']
}

/** The owner of what the trainer of a run stages in the store. */
export function ownerOf({ id, attempt }: Pick<Run, 'id' | 'attempt'>): string {
  return `run-${id}-${attempt}`
}

/**
 * Has the trainer train a run, and records what it tells; answers how that ended.
 * @throws what recording threw: the trainer is killed then
 */
export async function trainRun(ready: ReadyRun, options: TrainingOptions): Promise<Ending> {
  const { run, dataset, from } = ready
  const { logger, checkpoints, trainer, updates, stopping, persist } = options
  const record = recordTraining(run, {
    ...options,
    step: from[0]?.step ?? 0,
    datasetDigest: dataset.digest,
    requestOf: updates.requestOf,
  })
  let told: TrainerEnding | undefined
  /** The staged files of checkpoints that the trainer told of. */
  const finishedFiles = new Set<string>()

  async function handle(message: FromTrainer): Promise<void> {
    await persist(() => record.write(message))
    switch (message.type) {
      case 'started':
        trainer.begun()
        return updates.sendAll()
      case 'updated':
        return updates.settle(message.id, { kind: 'applied' })
      case 'refused':
        return updates.settle(message.id, { kind: 'refused', reason: message.reason })
      case 'completed':
      case 'stopped':
      case 'failed':
        told = message
    }
  }

  function endingOf(ending: TrainerEnding): Ending {
    switch (ending.type) {
      case 'completed':
        return { kind: 'completed', told: ending, facts: dataset.facts }
      case 'stopped':
        return { kind: 'stopped', how: stopping.how ?? ending.how, step: ending.step }
      case 'failed': {
        const { failure } = ending
        // Whatever comes after a cancel, it is cancelled.
        if (stopping.how === 'CANCEL') return { kind: 'stopped', how: 'CANCEL', step: record.step }
        if (failure.code !== 'DATASET_UNAVAILABLE') return { kind: 'failed', failure }
        // The next attempt makes the file again.
        dataset.distrust()
        return { kind: 'interrupted', failure }
      }
    }
  }

  /** The trainer is gone without having said how the run ended. */
  async function endingUntold(end: TrainerEnd): Promise<Ending> {
    if (stopping.how === 'CANCEL') return { kind: 'stopped', how: 'CANCEL', step: record.step }
    // What was trained since is lost: the run rests at its checkpoint.
    if (stopping.how !== null) {
      const newest = await persist(() => checkpoints.newest(run.id))
      return { kind: 'stopped', how: stopping.how, step: newest?.step ?? 0, epoch: newest?.epoch ?? 0 }
    }
    const failure = failureOfEnd(end)
    // It would run out of memory again.
    return { kind: failure.code === 'OUT_OF_MEMORY' ? 'failed' : 'interrupted', failure }
  }

  const output = options.output.open(run, logger)
  const pump = createPump(handle, {
    hold: () => trainer.send({ type: 'hold' }),
    goOn: () => trainer.send({ type: 'goOn' }),
    kill: trainer.kill,
  })
  const { name, ended } = trainer.start(jobOf(ready, options), {
    onMessage(message) {
      if (message.type === 'saved') {
        const { weights, state } = message.checkpoint
        finishedFiles.add(weights.staged).add(state.staged)
      }
      pump.push(message)
    },
    onOutput: output.push,
  })
  logger.info({ trainer: name, architecture: run.architecture, attempt: run.attempt }, 'trainer started')
  const end = await ended
  // What it did not finish may be what fills the disk, and what is left to record waits for room.
  await options.artifacts
    .tidy(ownerOf(run), finishedFiles)
    .catch((error: unknown) => logger.warn({ err: error }, 'tidying'))
  try {
    await pump.drained()
  } finally {
    // Before the run ends: whoever hears of that can read the trainer's last words.
    await output.close()
  }
  return told === undefined ? endingUntold(end) : endingOf(told)
}

function jobOf({ run, architecture, dataset, from }: ReadyRun, options: TrainingOptions): TrainingJob {
  const { hyperparameters } = run
  return {
    architecture,
    hyperparameters,
    changes: run.changes,
    seed: run.seed,
    pinned: run.pinned,
    engine: options.engine,
    datasetFile: dataset.file,
    datasetDigest: dataset.digest,
    artifactsFolder: options.artifactsFolder,
    owner: ownerOf(run),
    traceparent: options.traceparent,
    from: from.map(({ step, digest, stateDigest }) => ({ step, weights: digest, state: stateDigest })),
    transfer: transferJobOf(run),
    checkpoints: {
      everyEpochs: epochsBetweenCheckpoints(run, architecture, dataset.facts.count),
      keepBest: run.keepBest,
      everySteps: run.everySteps,
      everySeconds: run.everySeconds,
    },
    metadata: {
      format: 'pt',
      architecture: architecture.name,
      seed: String(run.seed),
      preprocessing: JSON.stringify(trainedPreprocessing(dataset.facts, hyperparameters.normalization)),
    },
  }
}
