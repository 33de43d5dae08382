import type { DatasetStore } from '../../data/dataset.ts'
import type { TrainingRun } from '../../db/generated/client.ts'
import { RunStatus } from '../../db/generated/enums.ts'
import type { EvaluationResult } from '../../models/evaluation-result.ts'
import { MAX_LOSSES, MIN_POINTS } from '../../runs/history/history.ts'
import type { DeletedRun } from '../../runs/history/streams.ts'
import { type Change, latestHyperparameters } from '../../runs/model/changes.ts'
import type { FAILURE_CODES, RunFailure } from '../../runs/model/failure.ts'
import { rateChangeAt } from '../../runs/model/learning-rate.ts'
import { columnOf, type RunAttempt } from '../../runs/model/run.ts'
import { builder } from '../builder/builder.ts'
import type { Context } from '../builder/context.ts'
import { described } from '../builder/described.ts'
import { badInput, checkRange } from '../builder/input-error.ts'
import { DatasetRef, datasetOf } from '../data/dataset.ts'
import { EvaluationRef } from '../models/evaluation.ts'
import { EngineRef } from '../system/engine.ts'
import { ArchitectureRef } from '../zoo/architecture.ts'
import { CheckpointPolicyRef } from './checkpoint.ts'
import { HyperparameterChangeRef, HyperparametersRef } from './hyperparameters.ts'
import { checkMaxPoints, EpochSummaryRef, HistoryView, LossPointRef } from './loss-point.ts'
import { TrainingPhasesRef } from './training-phases.ts'
import { TransferRef } from './transfer.ts'

export const RunStatusEnum = builder.enumType(RunStatus, {
  name: 'RunStatus',
  description: 'Lifecycle state of a run.',
  values: described<RunStatus>({
    QUEUED: 'Waiting for its turn to train.',
    PREPARING: 'Fetching the data set, or loading it and the network.',
    RUNNING: 'Training.',
    PAUSED: 'Resting, until a person resumes it.',
    COMPLETED: 'Ended with a trained model.',
    FAILED: 'Ended by what `failure` says.',
    CANCELLED: 'Ended by a person.',
  }),
})

const FailureCode = builder.enumType('RunFailureCode', {
  description: 'The kind of failure, for programs.',
  values: described<(typeof FAILURE_CODES)[number]>({
    ENGINE_UNAVAILABLE: 'The engine that ENGINE names cannot run on this machine.',
    DATASET_UNAVAILABLE: 'The data set could not be fetched, or its file is damaged.',
    CHECKPOINT_DAMAGED: 'The checkpoint to go on from is missing or altered.',
    LOSS_NOT_FINITE:
      'A loss, a gradient or every test was NaN or infinite; a lower learning rate often helps.',
    OUT_OF_MEMORY: 'The trainer ran out of memory; a smaller batch size or network needs less.',
    TRAINER_DIED: "The trainer's process ended or stopped answering.",
    SERVER_STOPPED: 'The server stopped while the run was at work.',
    DISK_LOW: 'The disk of the server became nearly full; the run goes on by itself when there is room.',
    INTERNAL_ERROR: "A bug of vggzoo; the server's log has more.",
  }),
})

export const RunFailureRef = builder.objectRef<RunFailure>('RunFailure').implement({
  description: 'Why a run FAILED or was interrupted.',
  fields: (t) => ({
    code: t.expose('code', { type: FailureCode, description: 'The kind of failure.' }),
    message: t.exposeString('message', { description: 'What happened and what to do.' }),
    step: t.exposeInt('step', {
      nullable: true,
      description: 'Of LOSS_NOT_FINITE: the step at which it happened.',
    }),
    layer: t.exposeString('layer', {
      nullable: true,
      description:
        'Of LOSS_NOT_FINITE: the layer whose gradient was not finite first, on its way from the loss; or, where the test was not after any epoch, the first that makes NaN or infinite numbers of a test image.',
    }),
  }),
})

const ProgressRef = builder.objectRef<TrainingRun>('Progress').implement({
  description: 'Progress of a run.',
  fields: (t) => ({
    epoch: t.exposeInt('epoch', { description: 'Number of epochs done.' }),
    epochs: t.exposeInt('epochs', { description: 'Number of epochs in all.' }),
    step: t.exposeInt('step', { description: 'Number of steps done.' }),
    steps: t.exposeInt('steps', { description: 'Number of steps in all; 0 until the trainer has started.' }),
    imagesPerSecond: t.exposeFloat('imagesPerSecond', {
      nullable: true,
      description: 'Recent training speed, in images per second.',
    }),
    secondsRemaining: t.exposeFloat('secondsRemaining', {
      nullable: true,
      description:
        'Estimated seconds of training that remain, by the recent speed; null when nothing is known or left.',
    }),
    peakMemoryBytes: t.float({
      nullable: true,
      description:
        "Most resident memory that the run's process has had, in bytes; null until the trainer has started.",
      resolve: ({ peakMemoryBytes }) => (peakMemoryBytes === null ? null : Number(peakMemoryBytes)),
    }),
    memoryBytes: t.float({
      nullable: true,
      description: "Resident memory of the run's process, in bytes; null when it does not train.",
      resolve: ({ status, memoryBytes }) =>
        status !== 'RUNNING' || memoryBytes === null ? null : Number(memoryBytes),
    }),
    phases: t.field({
      type: TrainingPhasesRef,
      nullable: true,
      description: 'What the time of its present attempt was spent on; null until the trainer has started.',
      resolve: (run) => columnOf(run, 'phases'),
    }),
  }),
})

export const RunAttemptRef = builder.objectRef<RunAttempt>('RunAttempt').implement({
  description: 'An attempt of a run: one start of its trainer.',
  fields: (t) => ({
    attempt: t.exposeInt('attempt', {
      description: 'Number of the attempt; those that never trained are left out.',
    }),
    fromStep: t.exposeInt('fromStep', {
      description:
        'Step of the checkpoint that it went on from, 0 for none: it trained those after it, again perhaps.',
    }),
    startedAt: t.expose('startedAt', { type: 'DateTime', description: 'When it began to train.' }),
    secondsBefore: t.exposeFloat('secondsBefore', {
      description:
        'Seconds of training that had led to `fromStep`: without the queue, pauses and steps that were trained again. A point of this attempt was reached `secondsBefore` and as long as from `startedAt` to its `at`.',
    }),
    engine: t.expose('engine', {
      type: EngineRef,
      nullable: true,
      description: 'Engine that it trained on.',
    }),
  }),
})

/** What a watcher of all runs is told: a run's row, or that of one that is gone. */
export const TrainingRunChange = builder
  .interfaceRef<TrainingRun | { run: DeletedRun }>('TrainingRunChange')
  .implement({
    description: 'A run as it is after a change, or that it is gone.',
    fields: (t) => ({
      id: t.id({ nullable: false, description: 'Global id of the run.' }),
      number: t.int({ description: 'Number of the run.' }),
      name: t.string({ description: 'Name of the run.' }),
      status: t.field({ type: RunStatusEnum, description: 'Lifecycle state of the run.' }),
    }),
    resolveType: (value) => ('run' in value ? 'TrainingRunDeleted' : 'TrainingRun'),
  })

/** What a run came to, for EvaluationRef; null before that. */
export function evaluationOf(
  run: Pick<TrainingRun, 'id' | 'evaluation' | 'dataset'>,
  datasets: Context['datasets'],
): { result: EvaluationResult; store: DatasetStore; of: { runId: string } } | null {
  const result = columnOf(run, 'evaluation')
  return result && { result, store: datasetOf(datasets, run.dataset), of: { runId: run.id } }
}

export const TrainingRunRef = builder.prismaNode('TrainingRun', {
  interfaces: [TrainingRunChange],
  nullable: true,
  description: 'One training of one network, from the queue to its end.',
  id: { field: 'id', description: 'Global id.' },
  fields: (t) => ({
    number: t.exposeInt('number', {
      description: 'Number of the run; runs are numbered in the order of their start.',
    }),
    name: t.exposeString('name', { description: 'Name for people.' }),
    notes: t.exposeString('notes', { description: 'Notes of people; empty when there are none.' }),
    owner: t.exposeString('ownerId', { description: 'Whose run it is: Viewer.id of who started it.' }),
    status: t.expose('status', { type: RunStatusEnum, description: 'Lifecycle state of the run.' }),
    architecture: t.field({
      type: ArchitectureRef,
      description: 'The network, as the zoo lists it.',
      resolve: ({ architecture }, _args, { architectures }) => architectures.find(architecture)!,
    }),
    dataset: t.field({
      type: DatasetRef,
      description: 'Data set that it learns from.',
      resolve: ({ dataset }, _args, { datasets }) => datasetOf(datasets, dataset),
    }),
    hyperparameters: t.field({
      type: HyperparametersRef,
      description: 'Hyperparameters as they are now, defaults filled in.',
      resolve: (run) => latestHyperparameters(columnOf(run, 'hyperparameters'), columnOf(run, 'changes')),
    }),
    seed: t.exposeInt('seed', {
      description: 'Seed of all that is random: the same seed on the same engine gives the same losses.',
    }),
    engine: t.field({
      type: EngineRef,
      nullable: true,
      description:
        'Engine that its newest attempt trained on; `attempts` has those of the others. Null until a trainer has started.',
      resolve: (run) => columnOf(run, 'engine'),
    }),
    attempt: t.exposeInt('attempt', {
      description: 'Number of its newest attempt: how often its trainer was started.',
    }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When it was queued.' }),
    startedAt: t.expose('startedAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When training began.',
    }),
    finishedAt: t.expose('finishedAt', { type: 'DateTime', nullable: true, description: 'When it ended.' }),
    progress: t.field({ type: ProgressRef, description: 'Progress of the run.', resolve: (run) => run }),
    losses: t.field({
      type: [LossPointRef],
      description: `The loss points so far, by step: the first ${MAX_LOSSES}, or all of them thinned to \`maxPoints\`. Those of a range of steps as a chart zooms in: afterStep and toStep.`,
      complexity: { field: 5, multiplier: 1 },
      args: {
        afterStep: t.arg.int({ description: 'Only points of later steps.' }),
        toStep: t.arg.int({ description: 'Only points up to this step.' }),
        first: t.arg.int({
          description: `Only the first so many, 1 to ${MAX_LOSSES}; that when left out. Not with \`maxPoints\`.`,
        }),
        maxPoints: t.arg.int({
          description: `Thins to this number of points at most, ${MIN_POINTS} to ${MAX_LOSSES}: of every bucket of steps, the least, the greatest, the last and the first non-finite point are left, so that no peak disappears. Buckets are as wide as they must be, a power of two, and grow with trainingLossBuckets. RAW keeps up to four points of each attempt, though these may be more.`,
        }),
        view: t.arg({ type: HistoryView, defaultValue: 'EFFECTIVE', description: 'Which attempts count.' }),
      },
      resolve: ({ id }, { afterStep, toStep, first, maxPoints, view }, { runs }) => {
        if (maxPoints != null) checkMaxPoints('losses', maxPoints)
        if (first != null) checkRange('losses: first', first, 1, MAX_LOSSES)
        if (first != null && maxPoints != null) throw badInput('losses: first or maxPoints, not both.')
        if (toStep != null && toStep < (afterStep ?? 0))
          throw badInput(`losses: toStep must not be below afterStep, ${afterStep ?? 0}, as ${toStep} is.`)
        return runs.losses(id, {
          afterStep: afterStep ?? 0,
          toStep: toStep ?? undefined,
          first: first ?? undefined,
          maxPoints: maxPoints ?? null,
          view: view ?? 'EFFECTIVE',
        })
      },
    }),
    epochs: t.field({
      type: [EpochSummaryRef],
      description: 'Measurements of each epoch, by epoch.',
      complexity: { field: 5, multiplier: 1 },
      args: {
        view: t.arg({ type: HistoryView, defaultValue: 'EFFECTIVE', description: 'Which attempts count.' }),
      },
      resolve: ({ id }, { view }, { runs }) => runs.epochs(id, view ?? 'EFFECTIVE'),
    }),
    evaluation: t.field({
      type: EvaluationRef,
      nullable: true,
      description:
        'Evaluation of the weights that the run ended with, those of its last epoch whose test was finite, or with early stopping of the best; null until it is COMPLETED.',
      resolve: (run, _args, { datasets }) => evaluationOf(run, datasets),
    }),
    bestTestAccuracy: t.exposeFloat('bestTestAccuracy', {
      nullable: true,
      description: 'The highest after any epoch; null before the first, or when none was finite.',
    }),
    lastTestLoss: t.exposeFloat('lastTestLoss', {
      nullable: true,
      description: 'After the last epoch; null before the first, or when it was not finite.',
    }),
    seconds: t.exposeFloat('seconds', {
      nullable: true,
      description:
        'What its epochs took, training and testing; without the queue and pauses. Null before the first.',
    }),
    failure: t.field({
      type: RunFailureRef,
      nullable: true,
      description: 'Why it FAILED.',
      resolve: (run) => columnOf(run, 'failure'),
    }),
    cursor: t.field({
      type: 'Cursor',
      description: 'Cursor of the newest event of its journal: subscribe with it to get only what comes.',
      resolve: ({ lastSeq }) => lastSeq,
    }),
    datasetDigest: t.exposeString('datasetDigest', {
      nullable: true,
      description: 'Dataset.digest of what it learned from; null until the trainer has started.',
    }),
    checkpointPolicy: t.field({
      type: CheckpointPolicyRef,
      description: 'Rules by which checkpoints are saved and kept.',
      resolve: (run) => run,
    }),
    checkpoints: t.relation('checkpoints', {
      query: { orderBy: [{ step: 'desc' }, { attempt: 'desc' }] },
      description: 'The weights that it saved and that are kept, newest first.',
      resolve: (query, { id: runId }, _args, { runs }) =>
        runs.listCheckpoints({ ...query, where: { runId } }),
    }),
    changes: t.field({
      type: [HyperparameterChangeRef],
      description:
        'Changes of hyperparameters on its way, by step, and what each did to the learning rate. Changes at the same step are one.',
      resolve: (run) => {
        const hyperparameters = columnOf(run, 'hyperparameters')
        const changes = columnOf(run, 'changes')
        const rates = ({ step }: Change) =>
          rateChangeAt(hyperparameters, changes, step, run.steps / run.epochs)
        return changes.map((change) => ({ ...change, ...rates(change) }))
      },
    }),
    priority: t.exposeInt('priority', {
      description: 'Priority in the queue: runs with higher ones leave it first.',
    }),
    bestStep: t.exposeInt('bestStep', {
      nullable: true,
      description: 'With early stopping: number of steps at the end of the best epoch so far; null without.',
    }),
    parent: t.relation('parent', {
      nullable: true,
      description: 'The run whose weights it began with; null for none, or when it was deleted.',
      resolve: (query, { parentId }, _args, { runs }) =>
        parentId === null ? null : runs.find({ ...query, where: { id: parentId } }),
    }),
    parentStep: t.exposeInt('parentStep', {
      nullable: true,
      description: 'Number of steps that had been trained there.',
    }),
    transfer: t.field({
      type: TransferRef,
      nullable: true,
      description: 'What it does with the weights that it began with; null where the seed drew them all.',
      resolve: (run) => {
        const transfer = columnOf(run, 'transfer')
        return transfer && { ...transfer, digest: run.initialDigest! }
      },
    }),
    forks: t.relation('children', {
      query: { orderBy: { number: 'asc' } },
      description: 'Runs that began with its weights.',
      resolve: (query, { id: parentId }, _args, { runs }) => runs.list({ ...query, where: { parentId } }),
    }),
    attempts: t.field({
      type: [RunAttemptRef],
      description: 'Every start of a trainer that began to train.',
      resolve: ({ id }, _args, { runs }) => runs.attempts(id),
    }),
    modelVersions: t.relation('modelVersions', {
      query: { orderBy: { seq: 'desc' } },
      description: 'Model versions made of its weights, newest first; the first one when it is COMPLETED.',
      resolve: (query, { id: runId }, _args, { models }) =>
        models.listVersions({ ...query, where: { runId } }),
    }),
  }),
})
