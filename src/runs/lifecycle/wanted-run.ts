import { isDeepStrictEqual } from 'node:util'
import type { DatasetFacts } from '../../data/dataset-facts.ts'
import type { Datasets } from '../../data/datasets.ts'
import { NO_NORMALIZATION } from '../../data/normalization.ts'
import { ValidationError } from '../../errors.ts'
import { isKey, KEY, LABEL, NOTES, readLabel, readNotes } from '../../label.ts'
import { type Architecture, ArchitectureError } from '../../zoo/architecture.ts'
import { analyzeWithin } from '../../zoo/limits.ts'
import { type CheckpointPolicy, DEFAULT_CHECKPOINT_POLICY } from '../model/checkpoint.ts'
import { priorityIssues } from '../model/controls.ts'
import {
  type Hyperparameters,
  type HyperparametersInput,
  type Issue,
  PRESETS,
  resolveHyperparameters,
} from '../model/hyperparameters.ts'
import { type PinnedPicture, pinnedIssues } from '../model/pinned.ts'
import type { Run } from '../model/run.ts'
import type { Transfer } from '../model/transfer.ts'
import { isSameTransfer, resolveTransfer, type TransferInput, type TransferSource } from './transfer.ts'

/** Checkpoints of a run that may be kept by each rule, and steps or seconds between two. */
const MAX_COUNT = 10_000

export interface StartRunInput extends HyperparametersInput {
  /** Viewer.id of who asks; the local viewer's when left out. */
  ownerId?: string
  /** Of the span that it is started in. */
  traceparent?: string | undefined
  architecture: string
  dataset: string
  name?: string
  notes?: string
  /** Decides initial weights, order of images, augmentation and dropout; a 31-bit integer. */
  seed?: number
  /** The same key never starts a second run. */
  idempotencyKey?: string
  checkpoints?: CheckpointPolicy
  /** Higher ones leave the queue first. */
  priority?: number
  /** What it begins with, in place of weights that the seed draws. */
  transfer?: TransferInput
  /** Pictures to watch while it learns, MAX_PINNED at most. */
  pinned?: PinnedPicture[]
}

/** What a valid input asks for, defaults filled in. */
export interface WantedRun {
  name: string
  notes: string
  architecture: string
  dataset: string
  /** Null when any seed will do. */
  seed: number | null
  hyperparameters: Hyperparameters
  checkpoints: CheckpointPolicy
  priority: number
  source: TransferSource | null
  /** What it does with these weights; null without. */
  transfer: Transfer | null
  pinned: PinnedPicture[]
}

/**
 * @param source  what `input.transfer.from` names
 * @throws ValidationError with an issue for each wrong value
 */
export function resolveRun(
  input: StartRunInput,
  known: {
    /** Fitted to the data set; as it is where there is none of this name. */
    findArchitecture(name: string, dataset: string): Architecture | undefined
    maxParameters: number
    datasets: Pick<Datasets, 'get' | 'whyNot'>
    datasetFacts(name: string): DatasetFacts | undefined
  },
  source: TransferSource | null,
): WantedRun {
  const {
    architecture: name,
    dataset: named,
    name: title,
    seed,
    ownerId: _owner,
    idempotencyKey,
    transfer: begins,
    ...rest
  } = input
  const { notes = '', checkpoints = DEFAULT_CHECKPOINT_POLICY, priority = 0, pinned = [], ...asked } = rest
  const issues: Issue[] = []
  // The version that is meant now is the run's, whatever comes after it.
  const store = known.datasets.get(named)
  const dataset = store?.facts.name ?? named
  const architecture = known.findArchitecture(name, dataset)
  if (architecture === undefined) {
    issues.push({
      path: ['architecture'],
      message: `There is no architecture "${name}". The query architectures lists them.`,
    })
  } else {
    const reason = whyNotTrainable(architecture, known.maxParameters)
    if (reason !== null) issues.push({ path: ['architecture'], message: reason })
  }
  if (store === undefined) issues.push({ path: ['dataset'], message: known.datasets.whyNot(named) })
  const shown = title === undefined ? name : readLabel(title)
  if (shown === null) issues.push({ path: ['name'], message: `A name has ${LABEL}` })
  const written = readNotes(notes)
  if (written === null) issues.push({ path: ['notes'], message: `Notes have ${NOTES}` })
  if (seed !== undefined && (!Number.isInteger(seed) || seed < 0)) {
    issues.push({ path: ['seed'], message: 'A seed is an integer from 0 to 2147483647.' })
  }
  if (idempotencyKey !== undefined && !isKey(idempotencyKey)) {
    issues.push({ path: ['idempotencyKey'], message: `A key has ${KEY}` })
  }
  const facts = known.datasetFacts(dataset)
  let transfer: Transfer | null = null
  if (begins !== undefined && source !== null && architecture !== undefined && facts !== undefined) {
    const resolved = resolveTransfer(begins, source, {
      architecture,
      dataset,
      classes: facts.classes,
      findArchitecture: known.findArchitecture,
      classesOf: (name) => known.datasetFacts(name)?.classes,
    })
    if (Array.isArray(resolved)) issues.push(...resolved)
    else transfer = resolved
  }
  issues.push(...priorityIssues(priority))
  for (const [field, least] of [
    ['keepBest', 0],
    ['keepLatest', 1],
    ['everySteps', 1],
    ['everySeconds', 1],
  ] as const) {
    const count = checkpoints[field]
    if (count === null && field.startsWith('every')) continue
    if (count !== null && Number.isInteger(count) && count >= least && count <= MAX_COUNT) continue
    issues.push({
      path: ['checkpoints', field],
      message: `A whole number from ${least} to ${MAX_COUNT}, not ${count}.`,
    })
  }
  issues.push(...pinnedIssues(pinned, facts))
  const { classWeights } = asked
  if (facts !== undefined && Array.isArray(classWeights) && classWeights.length !== facts.classes.length) {
    issues.push({
      path: ['classWeights'],
      message: `A weight for each of the ${facts.classes.length} classes of ${dataset}, and not ${classWeights.length}.`,
    })
  }
  const resolved = resolveHyperparameters(
    asked,
    architecture?.batchNorm ?? true,
    // Where there is no such data set, the other values are checked all the same.
    facts?.normalization ?? NO_NORMALIZATION,
  )
  if ('issues' in resolved) issues.push(...resolved.issues)
  if (issues.length > 0 || 'issues' in resolved) throw new ValidationError(issues)
  const preset = asked.preset === undefined ? undefined : PRESETS[asked.preset]
  return {
    name: shown!,
    notes: written!,
    architecture: name,
    dataset,
    seed: seed ?? preset?.seed ?? null,
    hyperparameters: resolved.hyperparameters,
    checkpoints,
    priority,
    source,
    transfer,
    // As the database gives them back, for isSameRun.
    pinned: pinned.map(({ split, index }) => ({ split, index })),
  }
}

/**
 * What is wrong with a network that is fitted to a data set's images: its list may have too many pools for them, or it
 * has other numbers of parameters than it had. Null when nothing is.
 */
export function whyNotTrainable(architecture: Architecture, maxParameters: number): string | null {
  try {
    analyzeWithin(architecture, maxParameters)
    return null
  } catch (error) {
    if (!(error instanceof ArchitectureError)) throw error
    return `${architecture.name} cannot be trained here. ${error.message}`
  }
}

/**
 * Whether a run is what was asked for: what an idempotency key compares. What may have been changed since, its name,
 * notes and priority, says nothing.
 */
export function isSameRun(run: Run, wanted: WantedRun): boolean {
  return (
    run.architecture === wanted.architecture &&
    run.dataset === wanted.dataset &&
    (wanted.seed === null || wanted.seed === run.seed) &&
    run.keepBest === wanted.checkpoints.keepBest &&
    run.keepLatest === wanted.checkpoints.keepLatest &&
    run.everySteps === wanted.checkpoints.everySteps &&
    run.everySeconds === wanted.checkpoints.everySeconds &&
    run.initialDigest === (wanted.source?.digest ?? null) &&
    isSameTransfer(run.transfer, wanted.transfer) &&
    isDeepStrictEqual(run.hyperparameters, wanted.hyperparameters) &&
    isDeepStrictEqual(run.pinned, wanted.pinned)
  )
}
