import type { Prisma, TrainingRun } from '../../db/generated/client.ts'
import { NotFoundError, ValidationError } from '../../errors.ts'
import type { MeasuredEpoch } from '../model/measurements.ts'
import { columnOf } from '../model/run.ts'
import type { RunEpoch, RunHistory } from './history.ts'

export const MIN_COMPARED = 2
export const MAX_COMPARED = 10

/** Runs side by side. Lists that go by run have the order of `runs`. */
export interface RunComparison {
  runs: TrainingRun[]
  /** What each epoch of a run came to, by epoch; what was trained again counts as it was the last time. */
  epochs: RunEpoch[][]
}

/**
 * @param ids  MIN_COMPARED to MAX_COMPARED, no one twice
 * @throws ValidationError, or NotFoundError that names the ids that lead to no run
 */
export async function compareRuns(
  runs: Pick<RunHistory, 'epochs'> & { list(query: Prisma.TrainingRunFindManyArgs): Promise<TrainingRun[]> },
  ids: readonly string[],
): Promise<RunComparison> {
  const issues: { path: string[]; message: string }[] = []
  if (ids.length < MIN_COMPARED || ids.length > MAX_COMPARED) {
    issues.push({ path: ['ids'], message: `${MIN_COMPARED} to ${MAX_COMPARED} runs, not ${ids.length}.` })
  }
  ids.forEach((id, i) => {
    const first = ids.indexOf(id)
    if (first < i)
      issues.push({ path: ['ids', String(i)], message: `This is the run of ids.${first} again.` })
  })
  if (issues.length > 0) throw new ValidationError(issues)

  const found = new Map((await runs.list({ where: { id: { in: [...ids] } } })).map((run) => [run.id, run]))
  const missing = ids.flatMap((id, i) => (found.has(id) ? [] : [`ids.${i}`]))
  if (missing.length > 0)
    throw new NotFoundError(`There is no training run with the id at ${missing.join(', ')}.`)
  return {
    runs: ids.map((id) => found.get(id)!),
    epochs: await Promise.all(ids.map((id) => runs.epochs(id, 'EFFECTIVE'))),
  }
}

export interface Difference {
  /** Where the value stands: learningRate, optimizer.momentum, architecture. */
  path: string
  /** One for each run: text as it is, all else as JSON; null for a run that has no such value. */
  values: (string | null)[]
}

type Described = Pick<
  TrainingRun,
  | 'architecture'
  | 'dataset'
  | 'datasetDigest'
  | 'initialDigest'
  | 'transfer'
  | 'seed'
  | 'engine'
  | 'hyperparameters'
>

/**
 * All that decides what a run computes and is not the same in all of these: the run's own values first, then its
 * hyperparameters by name.
 */
export function differences(runs: readonly Described[]): Difference[] {
  const settings = runs.map((run) => {
    const own = {
      architecture: run.architecture,
      dataset: run.dataset,
      datasetDigest: run.datasetDigest,
      initialDigest: run.initialDigest,
      ...transferOf(run),
      seed: run.seed,
      engine: columnOf(run, 'engine')?.kind ?? null,
    }
    return { own: new Map(Object.entries(own)), named: leaves(run.hyperparameters) }
  })
  const row = (part: 'own' | 'named') => (path: string) => {
    const values = settings.map((each) => {
      const value = each[part].get(path)
      if (value === undefined || (part === 'own' && value === null)) return null
      return typeof value === 'string' ? value : JSON.stringify(value)
    })
    return { path, values }
  }
  const names = new Set(settings.flatMap(({ named }) => [...named.keys()]))
  return [...[...settings[0]!.own.keys()].map(row('own')), ...[...names].sort().map(row('named'))].filter(
    ({ values }) => values.some((value) => value !== values[0]),
  )
}

/** What was asked for of the weights that it began with; the rest follows. */
function transferOf(run: Described) {
  const transfer = columnOf(run, 'transfer')
  const freeze = transfer?.freeze ?? null
  return {
    'transfer.freeze': typeof freeze === 'object' ? (freeze?.upTo ?? null) : freeze,
    'transfer.head': transfer?.head ?? null,
    'transfer.headLearningRate': transfer?.headLearningRate ?? null,
  }
}

/** The values in nested objects by their paths, "optimizer.momentum"; a list is one value. */
function leaves(value: unknown, path: readonly string[] = []): Map<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return new Map([[path.join('.'), value]])
  return new Map(Object.entries(value).flatMap(([key, inner]) => [...leaves(inner, [...path, key])]))
}

/** What a run came to. Every figure is null for a run that has no epoch, or none with that figure. */
export interface RunFigures extends EpochFigures {
  run: TrainingRun
}

export interface EpochFigures {
  /** The highest test accuracy, and the first epoch that had it. */
  bestTestAccuracy: number | null
  bestEpoch: number | null
  lastTestAccuracy: number | null
  /** The lowest mean cross-entropy on the test images, in nats. */
  bestTestLoss: number | null
  lastTestLoss: number | null
  /** Training and testing of the epochs that count; no waiting in the queue, and no pause. */
  seconds: number
}

/** @param epochs  of the run, by epoch */
export function figuresOf(run: TrainingRun, epochs: readonly RunEpoch[]): RunFigures {
  return { run, ...figuresOfEpochs(epochs) }
}

/** @param epochs  of one run, by epoch */
export function figuresOfEpochs(epochs: readonly MeasuredEpoch[]): EpochFigures {
  const last = epochs.at(-1)
  const accuracies = epochs.flatMap(({ testAccuracy }) => testAccuracy ?? [])
  const losses = epochs.flatMap(({ testLoss }) => testLoss ?? [])
  const best = accuracies.length === 0 ? null : accuracies.reduce((one, other) => Math.max(one, other))
  return {
    bestTestAccuracy: best,
    bestEpoch:
      epochs.find(({ testAccuracy }) => testAccuracy !== null && testAccuracy === best)?.epoch ?? null,
    lastTestAccuracy: last?.testAccuracy ?? null,
    bestTestLoss: losses.length === 0 ? null : losses.reduce((one, other) => Math.min(one, other)),
    lastTestLoss: last?.testLoss ?? null,
    seconds: epochs.reduce((sum, { seconds }) => sum + seconds, 0),
  }
}

/** A row for each epoch that any of the runs has, from 1, with what it came to in each run. */
export function alignEpochs(
  runs: readonly (readonly RunEpoch[])[],
): { epoch: number; summaries: (RunEpoch | null)[] }[] {
  const byEpoch = runs.map((epochs) => new Map(epochs.map((each) => [each.epoch, each])))
  const length = Math.max(0, ...runs.flatMap((epochs) => epochs.map(({ epoch }) => epoch)))
  return Array.from({ length }, (_, i) => ({
    epoch: i + 1,
    summaries: byEpoch.map((epochs) => epochs.get(i + 1) ?? null),
  }))
}
