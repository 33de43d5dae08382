import { isDeepStrictEqual } from 'node:util'
import type { PrismaClient, TrainingRun } from '../../db/generated/client.ts'
import { ValidationError } from '../../errors.ts'
import type { Preprocessing } from '../../models/preprocessing.ts'
import { toVersion } from '../../models/version.ts'
import type { TrainingJob } from '../../trainer/protocol.ts'
import type { Architecture } from '../../zoo/architecture.ts'
import { fitArchitecture } from '../../zoo/fit.ts'
import { type Freeze, frozenPart, type Head, layersAnew } from '../../zoo/transfer.ts'
import type { Issue } from '../model/hyperparameters.ts'
import { columnOf, type Run } from '../model/run.ts'
import { MAX_HEAD_RATE, type Transfer } from '../model/transfer.ts'

/** Weights that a run can begin with. */
export type WeightsRef = { checkpointId: string } | { versionId: string }

/** What a person asks for. */
export interface TransferInput {
  from: WeightsRef
  /** As the run had it that made the weights, if the head is kept; NONE where none did, when left out. */
  freeze?: Freeze
  /** KEEP where the classes are the same, and NEW where not, when left out. */
  head?: Head
  /** Null for that of all others; as `freeze` when left out. */
  headLearningRate?: number | null
}

/** Where the weights come from. */
export interface TransferSource {
  digest: string
  architecture: string
  /** Whose pictures and classes they were trained for; null for what was imported. */
  dataset: string | null
  /** The same of a version; null for a checkpoint, whose data set says it. */
  preprocessing: Pick<Preprocessing, 'size' | 'labels'> | null
  /** The run that made them, and the steps it had trained; null for what was imported. */
  parentId: string | null
  parentStep: number | null
  /** Of a run that began with them, where nothing else is known of them any more. */
  before: Transfer | null
  /** What the run that made them did with those that it began with; null where that is not known, or it began with none. */
  made: Transfer | null
}

/** @throws ValidationError when there are none */
export async function findSource(prisma: PrismaClient, ref: WeightsRef): Promise<TransferSource> {
  if ('checkpointId' in ref) {
    const found = await prisma.checkpoint.findUnique({
      where: { id: ref.checkpointId },
      include: { run: true },
    })
    if (found === null) throw missing('There is no checkpoint with this id; it may not be kept any more.')
    const { run, digest, step } = found
    const { architecture, dataset, id: parentId } = run
    return {
      ...{ digest, architecture, dataset, preprocessing: null, parentId, parentStep: step },
      before: null,
      made: columnOf(run, 'transfer'),
    }
  }
  const found = await prisma.modelVersion.findUnique({
    where: { id: ref.versionId },
    include: { checkpoint: true, run: true },
  })
  if (found === null) throw missing('There is no model version with this id.')
  const { digest, architecture, dataset, runId, checkpoint, run } = found
  return {
    digest,
    architecture,
    dataset,
    preprocessing: toVersion(found).preprocessing,
    parentId: runId,
    parentStep: checkpoint?.step ?? null,
    before: null,
    made: run && columnOf(run, 'transfer'),
  }
}

/** Those that a run began with: it keeps their file, also when the checkpoint is gone that it was asked for by. */
export function sourceOf(run: TrainingRun): TransferSource | null {
  const { initialDigest: digest, architecture, dataset, parentId, parentStep } = run
  if (digest === null) return null
  const before = columnOf(run, 'transfer')
  return { digest, architecture, dataset, preprocessing: null, parentId, parentStep, before, made: null }
}

export interface TransferTarget {
  /** Fitted to the data set. */
  architecture: Architecture
  dataset: string
  /** In the order of the network's outputs. */
  classes: readonly string[]
  /** As `TrainingInputs`; and the classes of a data set. */
  findArchitecture(name: string, dataset: string): Architecture | undefined
  classesOf(dataset: string): readonly string[] | undefined
}

/**
 * Fills in defaults and checks what a run can do with the weights.
 * @returns the issues where it cannot; they name the input's own fields
 */
export function resolveTransfer(
  { head: asked, ...input }: TransferInput,
  source: TransferSource,
  target: TransferTarget,
): Transfer | Issue[] {
  const issues: Issue[] = []
  const wrong = (field: string[], message: string) => issues.push({ path: ['transfer', ...field], message })
  const { architecture } = target
  const theirs = networkOf(source, target)
  const isSame = classesAreSame(source, target)
  const head = asked ?? source.before?.head ?? (isSame.surely ? 'KEEP' : 'NEW')
  // Whoever keeps the head goes on with what made it.
  const past = source.before ?? (head === 'KEEP' ? source.made : null)
  const { freeze = past?.freeze ?? 'NONE', headLearningRate = past?.headLearningRate ?? null } = input
  let newLayers = source.before?.newLayers ?? []
  if (source.before === null) {
    const { dataset, preprocessing } = source
    if (dataset !== null && preprocessing === null && target.classesOf(dataset) === undefined) {
      wrong(
        ['from'],
        `The data set ${dataset} of this checkpoint is gone. Begin with a model version of its run.`,
      )
    } else if (theirs === undefined) {
      wrong(['from'], `These are weights of ${source.architecture}, which is not in this zoo any more.`)
    } else if (head === 'KEEP' && !isSame.perhaps && theirs.classes === architecture.classes) {
      wrong(
        ['head'],
        `These weights know other classes than ${target.dataset} has. Begin with a new head (head: NEW).`,
      )
    } else {
      const anew = layersAnew(theirs, architecture, head)
      if (typeof anew === 'string') wrong(['from'], anew)
      else newLayers = anew
    }
  }
  const part = frozenPart(architecture, freeze)
  if (typeof part === 'string') wrong(['freeze', 'upTo'], part)
  else {
    const both = part.names.find((name) => newLayers.includes(name))
    if (both !== undefined) {
      wrong(
        ['freeze', 'upTo'],
        `${both} is drawn anew, as these weights do not fit it, and so has to be trained. Freeze FEATURES at most.`,
      )
    }
  }
  const headLayers = head === 'NEW' ? newLayers : (past?.headLayers ?? [])
  if (headLearningRate !== null) {
    if (head === 'KEEP' && headLayers.length === 0) {
      wrong(
        ['headLearningRate'],
        'It is the rate of a new head (head: NEW); one that is kept has learningRate.',
      )
    }
    if (!(headLearningRate > 0 && headLearningRate <= MAX_HEAD_RATE)) {
      wrong(['headLearningRate'], `Above 0 and at most ${MAX_HEAD_RATE}, not ${headLearningRate}.`)
    }
  }
  if (issues.length > 0 || typeof part === 'string') return issues
  return {
    ...{ freeze, head, headLearningRate },
    ...{ frozen: part.layers, frozenLayers: part.names, newLayers, headLayers },
  }
}

/** Whether a run has what is asked for; what follows from that and the weights is not asked for. */
export function isSameTransfer(one: Transfer | null, other: Transfer | null): boolean {
  const essence = (it: Transfer | null) => it && [it.freeze, it.head, it.headLearningRate]
  return isDeepStrictEqual(essence(one), essence(other))
}

/** What a trainer has to know; null for weights that the seed draws. */
export function transferJobOf({
  transfer,
  initialDigest,
  hyperparameters,
}: Pick<Run, 'transfer' | 'initialDigest' | 'hyperparameters'>): TrainingJob['transfer'] {
  if (transfer === null || initialDigest === null) return null
  const { frozen, newLayers, headLayers, headLearningRate } = transfer
  return {
    weights: initialDigest,
    frozen,
    anew: newLayers,
    // The schedule, and whoever changes the rate on the way, scales both.
    head: headLayers,
    headRate: headLearningRate === null ? 1 : headLearningRate / hyperparameters.learningRate,
  }
}

function networkOf(source: TransferSource, target: TransferTarget): Architecture | undefined {
  const { architecture: name, dataset, preprocessing } = source
  const known = target.findArchitecture(name, dataset ?? target.dataset)
  if (known === undefined || preprocessing === null) return known
  return fitArchitecture(known, [...preprocessing.size, 3], preprocessing.labels.length)
}

/** `surely`: by their names; `perhaps`: for all that is known. */
function classesAreSame(
  { dataset, preprocessing }: TransferSource,
  target: TransferTarget,
): { surely: boolean; perhaps: boolean } {
  const labels = preprocessing?.labels ?? (dataset === null ? undefined : target.classesOf(dataset))
  if (labels === undefined) return { surely: false, perhaps: false }
  const surely = isDeepStrictEqual([...labels], [...target.classes])
  const isImported = dataset === null && labels.length === target.classes.length
  // Files of weights seldom name classes: then they are numbers.
  const isNumbered = isImported && labels.every((label) => /^class \d+$/.test(label))
  return { surely: surely || isNumbered, perhaps: surely || isImported }
}

function missing(message: string): ValidationError {
  return new ValidationError([{ path: ['transfer', 'from'], message }])
}
