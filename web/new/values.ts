import type { VariablesOf } from '../../src/client/graphql.ts'
import type { START_RUN } from '../live/start-run.ts'
import type { Hyperparameters } from '../run/hyperparameters.ts'
import type { PLAN } from './plan-query.ts'
import { AUGMENTATION_PARTS, DEFAULTS, LECTURE, LECTURE_SEED } from './recipes.ts'
import type { RunToFork } from './run-to-fork.ts'

/**
 * What stands in the fields of the form, by the path of each in StartTrainingRunInput; nothing, or "", is left out.
 * `optimizer`, `schedule`, `augmentation` and `earlyStopping` hold which of their kinds was chosen.
 */
export type Values = Readonly<Record<string, string>>
export type StartInput = VariablesOf<typeof START_RUN>['input']

/** The paths that have a field. */
export const FIELDS: readonly string[] = [
  ...['architecture', 'dataset', 'name', 'notes'],
  ...[
    'transfer.from',
    'transfer.freeze',
    'transfer.freeze.upTo',
    'transfer.head',
    'transfer.headLearningRate',
  ],
  ...['epochs', 'batchSize', 'trainLimit', 'testLimit', 'learningRate', 'labelSmoothing'],
  ...['classWeights', 'classWeights.weights'],
  ...['optimizer', 'optimizer.sgd.nesterov', 'schedule', 'augmentation', 'augmentation.horizontalFlip'],
  ...['earlyStopping', 'earlyStopping.metric', 'pinned', 'seed', 'logEvery', 'priority', 'onNonFinite'],
  ...Object.keys(DEFAULTS),
]

export interface Issue {
  path: readonly string[]
  message: string
}

/** Recipes that a person begins with. */
export const PRESETS: Readonly<Record<string, { title: string; values: Values }>> = {
  standard: { title: 'Standard: what suits the network', values: {} },
  quick: {
    title: 'A quick trial: 3 epochs of 10,000 pictures',
    values: { epochs: '3', trainLimit: '10000', logEvery: '1', pinned: '0, 1, 2, 3' },
  },
  lecture: {
    title: 'Lecture: the recipe that this zoo comes from',
    values: { ...valuesOf(LECTURE), seed: String(LECTURE_SEED) },
  },
}

/** Every setting, said in the form. */
function valuesOf(it: Hyperparameters): Values {
  return {
    ...textsOf({
      preset: it.preset,
      epochs: it.epochs,
      batchSize: it.batchSize,
      learningRate: it.learningRate,
      logEvery: it.logEvery,
      labelSmoothing: it.labelSmoothing,
      classWeights: it.classWeights && (it.classWeights.balanced ? 'balanced' : 'own'),
      'classWeights.weights': it.classWeights?.weights?.join(', ') ?? null,
      trainLimit: it.trainLimit,
      testLimit: it.testLimit,
      onNonFinite: it.onNonFinite,
    }),
    ...chosen('optimizer', { Sgd: 'sgd', Adam: 'adam' }, it.optimizer),
    ...chosen(
      'schedule',
      {
        ConstantSchedule: 'constant',
        StepSchedule: 'step',
        CosineSchedule: 'cosine',
        OneCycleSchedule: 'oneCycle',
      },
      it.schedule,
    ),
    augmentation: 'own',
    ...textsOf(it.augmentation, 'augmentation.'),
    ...(it.earlyStopping === null
      ? {}
      : { earlyStopping: 'own', ...textsOf(it.earlyStopping, 'earlyStopping.') }),
  }
}

/** A run's settings in the form, and its newest weights to begin with. */
export function valuesOfRun(run: RunToFork): Values {
  const { everySeconds, ...policy } = run.checkpointPolicy
  return {
    ...valuesOf(run.hyperparameters),
    ...textsOf({ seed: run.seed, priority: run.priority === 0 ? null : run.priority }),
    ...textsOf({ ...policy, everySeconds }, 'checkpoints.'),
    ...(everySeconds === null ? { 'checkpoints.everyEpoch': 'true' } : {}),
    architecture: run.architecture.name,
    dataset: run.dataset.reference,
    name: `Fork of #${run.number}`,
    'transfer.from': run.checkpoints[0]?.id ?? run.modelVersions[0]?.id ?? '',
    ...transferValues(run.transfer),
    pinned: run.pinned.map(({ split, index }) => (split === 'TRAIN' ? `train ${index}` : index)).join(', '),
  }
}

/** What is frozen stays so, and a head learns at its rate. */
function transferValues(transfer: RunToFork['transfer']): Values {
  if (transfer === null) return {}
  const { frozenLayers, headLearningRate } = transfer
  const upTo = frozenLayers.at(-1)
  return {
    ...(upTo !== undefined && { 'transfer.freeze': 'upTo', 'transfer.freeze.upTo': upTo }),
    ...textsOf({ headLearningRate }, 'transfer.'),
  }
}

function chosen(
  field: string,
  kinds: Readonly<Record<string, string>>,
  { __typename, ...own }: { __typename: string },
) {
  const kind = kinds[__typename]!
  return { [field]: kind, ...textsOf(own, `${field}.${kind}.`) }
}

function textsOf(object: object, prefix = ''): Values {
  const entries = Object.entries(object).filter(([, value]) => value !== null && value !== false)
  return Object.fromEntries(entries.map(([key, value]) => [prefix + key, String(value)]))
}

/** The input that the fields make, and what in them is no number or picture; the rest is for the server to judge. */
export function inputOf(values: Values): { input: StartInput; issues: readonly Issue[] } {
  const read = reader(values)
  const checkpoints = read.some('checkpoints.', ['everySteps', 'everySeconds', 'keepBest', 'keepLatest'])
  const input = {
    architecture: values.architecture ?? '',
    ...read.texts(['dataset', 'name', 'notes', 'preset', 'onNonFinite']),
    ...optional('transfer', transferOf(values, read)),
    ...read.some('', ['epochs', 'batchSize', 'trainLimit', 'testLimit', 'logEvery', 'seed', 'priority']),
    ...read.some('', ['learningRate', 'labelSmoothing'], false),
    ...optional('optimizer', optimizerOf(values, read)),
    ...optional('schedule', scheduleOf(values, read)),
    ...optional(
      'augmentation',
      values.augmentation === 'own'
        ? {
            horizontalFlip: values['augmentation.horizontalFlip'] === 'true',
            ...read.some('augmentation.', ['cropPadding', 'cutout']),
            ...read.some('augmentation.', AUGMENTATION_PARTS, false),
          }
        : undefined,
    ),
    ...optional(
      'checkpoints',
      values['checkpoints.everyEpoch'] === 'true'
        ? { ...checkpoints, everySeconds: null }
        : Object.keys(checkpoints).length > 0
          ? checkpoints
          : undefined,
    ),
    ...optional(
      'earlyStopping',
      values.earlyStopping === 'own'
        ? {
            ...(values['earlyStopping.metric'] ? { metric: values['earlyStopping.metric'] } : {}),
            ...read.some('earlyStopping.', ['patience']),
            ...read.some('earlyStopping.', ['minDelta'], false),
          }
        : undefined,
    ),
    ...optional('classWeights', read.classWeights()),
    ...optional('pinned', read.pinned()),
  }
  return { input: input as StartInput, issues: read.issues }
}

function transferOf(values: Values, read: Reader): object | undefined {
  const from = values['transfer.from']
  if (!from) return undefined
  const [freeze, head] = [values['transfer.freeze'], values['transfer.head']]
  // All that the form shows is said: what is left out would be as the run had it that made the weights.
  return {
    from,
    freeze: freeze === 'upTo' ? { upTo: values['transfer.freeze.upTo'] ?? '' } : { part: freeze || 'NONE' },
    ...(head ? { head } : {}),
    headLearningRate: null,
    ...read.some('transfer.', ['headLearningRate'], false),
  }
}

/** What of an input changes what a run takes. */
export function planOf(input: StartInput, recipe: Hyperparameters): VariablesOf<typeof PLAN> {
  const { architecture, dataset, batchSize, optimizer, transfer, trainLimit, testLimit } = input
  const freeze = transfer?.freeze ?? null
  return {
    name: architecture,
    dataset: dataset ?? 'cifar10',
    batchSize: batchSize ?? recipe.batchSize,
    optimizer: optimizer ?? null,
    // A layer that is not named yet.
    freeze: freeze !== null && 'upTo' in freeze && freeze.upTo === '' ? null : freeze,
    augmented: Object.values(input.augmentation ?? recipe.augmentation).some(Boolean),
    trainLimit: trainLimit ?? recipe.trainLimit,
    testLimit: testLimit ?? recipe.testLimit,
  }
}

/** The optimizer that the fields make; undefined for the recipe's. */
function optimizerOf(values: Values, read: Reader): NonNullable<StartInput['optimizer']> | undefined {
  if (values.optimizer === 'sgd') {
    const sgd = {
      ...read.some('optimizer.sgd.', ['momentum', 'weightDecay'], false),
      nesterov: values['optimizer.sgd.nesterov'] === 'true',
    }
    return { sgd }
  }
  if (values.optimizer === 'adam') {
    const adam = read.some('optimizer.adam.', ['beta1', 'beta2', 'epsilon', 'weightDecay'], false)
    return { adam }
  }
  return undefined
}

function scheduleOf({ schedule }: Values, read: Reader): object | undefined {
  switch (schedule) {
    case 'constant':
      return { constant: true }
    case 'step':
      return {
        step: {
          ...read.some('schedule.step.', ['epochs', 'offset']),
          ...read.some('schedule.step.', ['gamma'], false),
        },
      }
    case 'cosine':
      return { cosine: read.some('schedule.cosine.', ['warmupEpochs', 'finalLearningRate'], false) }
    case 'oneCycle':
      return {
        oneCycle: read.some(
          'schedule.oneCycle.',
          ['warmupFraction', 'initialDivisor', 'finalDivisor'],
          false,
        ),
      }
    default:
      return undefined
  }
}

type Reader = ReturnType<typeof reader>

function reader(values: Values) {
  const issues: Issue[] = []
  const texts = (names: readonly string[]) =>
    Object.fromEntries(names.flatMap((name) => (values[name] ? [[name, values[name]]] : [])))
  /** The numbers that are there. */
  const some = (prefix: string, names: readonly string[], whole = true): Record<string, number> =>
    Object.fromEntries(
      names.flatMap((name) => {
        const text = (values[prefix + name] ?? '').trim()
        if (text === '') return []
        const value = Number(text)
        const isFit = whole ? Number.isInteger(value) && Math.abs(value) < 2 ** 31 : Number.isFinite(value)
        if (isFit) return [[name, value]]
        const message = whole
          ? 'This is not a whole number, or a far too large one.'
          : 'This is not a number; write it as 0.001 or 1e-3.'
        issues.push({ path: (prefix + name).split('.'), message })
        return []
      }),
    )
  const pinned = () => {
    const parts = (values.pinned ?? '').split(',').map((part) => part.trim())
    const pictures = parts.filter((part) => part !== '').map(pictureOf)
    if (pictures.includes(null)) {
      const message =
        'Places in the test split, as in "0, 7"; before one of the training split stands "train".'
      issues.push({ path: ['pinned'], message })
    }
    const known = pictures.filter((picture) => picture !== null)
    return known.length === 0 ? undefined : known
  }
  const classWeights = () => {
    if (values.classWeights === 'balanced') return { balanced: true }
    if (values.classWeights !== 'own') return undefined
    const parts = (values['classWeights.weights'] ?? '').split(',').map((part) => part.trim())
    const weights = parts.map(Number)
    if (parts.includes('') || !weights.every(Number.isFinite)) {
      issues.push({
        path: ['classWeights', 'weights'],
        message: 'A number for each class, as in "1, 2.5, 1".',
      })
    }
    return { weights }
  }
  return { issues, texts, some, pinned, classWeights }
}

export interface Pinned {
  split: 'TEST' | 'TRAIN'
  index: number
}

/** "7" or "train 7"; null when it is neither. */
export function pictureOf(text: string): Pinned | null {
  const [, split, digits] = /^(?:(train|test)\s+)?(\d{1,9})$/i.exec(text) ?? []
  if (digits === undefined) return null
  return { split: split?.toLowerCase() === 'train' ? 'TRAIN' : 'TEST', index: Number(digits) }
}

function optional(name: string, value: object | undefined): object {
  return value === undefined ? {} : { [name]: value }
}
