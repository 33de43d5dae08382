import * as z from 'zod'
import { type Augmentation, NO_AUGMENTATION } from '../../data/augmentation/augmentation.ts'
import type { Normalization } from '../../data/normalization.ts'

/**
 * Everything that decides what a run computes, apart from its architecture, data set and seed.
 * Stored with the run with every default filled in, so an old run keeps its meaning when defaults change.
 */
export interface Hyperparameters {
  preset: string | null
  epochs: number
  batchSize: number
  optimizer: Optimizer
  /** The peak learning rate; the schedule shapes it. */
  learningRate: number
  schedule: Schedule
  augmentation: Augmentation
  labelSmoothing: number
  /** How much an image counts in the loss, by its class; null for all alike. */
  classWeights: ClassWeights | null
  /** Steps averaged into one loss point. */
  logEvery: number
  /** Only the first N training images; null for all. */
  trainLimit: number | null
  /** Only the first N test images, in every evaluation of the run; null for all. */
  testLimit: number | null
  normalization: Normalization
  /** Ends the run when no epoch is better any more; null for never. */
  earlyStopping: EarlyStopping | null
  onNonFinite: OnNonFinite
}

export interface EarlyStopping {
  metric: EarlyStoppingMetric
  /** Epochs in a row that may be no better than the best one. */
  patience: number
  /** By how much an epoch has to be better. */
  minDelta: number
}

/** As frequent classes weigh less (class-weights.ts), or a weight for each class in its order. */
export type ClassWeights = 'BALANCED' | number[]

export const EARLY_STOPPING_METRICS = ['TEST_LOSS', 'TEST_ACCURACY'] as const
export type EarlyStoppingMetric = (typeof EARLY_STOPPING_METRICS)[number]

/** What becomes of a run whose loss or gradients are not finite: it ends, or goes on without that step's update. */
export const ON_NON_FINITE = ['FAIL', 'CONTINUE'] as const
export type OnNonFinite = (typeof ON_NON_FINITE)[number]

export type Optimizer = z.infer<typeof optimizer>
export type Schedule = z.infer<typeof schedule>
export type { Augmentation } from '../../data/augmentation/augmentation.ts'

export const OPTIMIZER_DEFAULTS = {
  sgd: { momentum: 0.9, nesterov: false, weightDecay: 0 },
  adam: { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0 },
} as const
export const EARLY_STOPPING_DEFAULTS = { metric: 'TEST_LOSS', patience: 5, minDelta: 0 } as const
export const SCHEDULE_DEFAULTS = {
  step: { epochs: 5, gamma: 0.9, offset: 0 },
  cosine: { warmupEpochs: 0, finalLearningRate: 0 },
  oneCycle: { warmupFraction: 0.3, initialDivisor: 25, finalDivisor: 1e4 },
} as const

const fraction = z.number().min(0).lt(1)
const sgd = z
  .object({
    kind: z.literal('sgd'),
    momentum: fraction,
    nesterov: z.boolean(),
    weightDecay: z.number().min(0).max(1),
  })
  .refine((it) => !it.nesterov || it.momentum > 0, {
    path: ['nesterov'],
    error: 'Nesterov needs a momentum above 0',
  })
const adam = z.object({
  kind: z.literal('adam'),
  beta1: fraction,
  beta2: fraction,
  epsilon: z.number().positive().max(1),
  weightDecay: z.number().min(0).max(1),
})
const optimizer = z.discriminatedUnion('kind', [sgd, adam])
const schedule = z.discriminatedUnion('kind', [
  z
    .object({ kind: z.literal('constant'), constant: z.boolean().optional() })
    .refine((it) => it.constant !== false, 'Only true has a meaning here')
    .transform(({ kind }) => ({ kind })),
  z.object({
    kind: z.literal('step'),
    epochs: z.int().min(1).max(10_000),
    gamma: z.number().positive().max(1),
    offset: z.int().min(0).max(10_000),
  }),
  z.object({
    kind: z.literal('cosine'),
    warmupEpochs: z.number().min(0).max(10_000),
    finalLearningRate: z.number().min(0).max(10),
  }),
  z.object({
    kind: z.literal('oneCycle'),
    warmupFraction: z.number().positive().lt(1),
    initialDivisor: z.number().min(1),
    finalDivisor: z.number().min(1),
  }),
])
const augmentation = z.object({
  horizontalFlip: z.boolean(),
  cropPadding: z.int().min(0).max(64),
  cutout: z.int().min(0).max(224),
  rotation: z.number().min(0).max(180),
  scale: z.number().min(0).max(0.9),
  resizedCrop: z.number().min(0).max(1),
  brightness: z.number().min(0).max(1),
  contrast: z.number().min(0).max(1),
  saturation: z.number().min(0).max(1),
  hue: z.number().min(0).max(0.5),
  erasing: z.number().min(0).max(1),
  mixup: z.number().min(0).max(10),
}) satisfies z.ZodType<Augmentation>
const channels = z.tuple([z.number(), z.number(), z.number()])

/** The bounds of every value; shared by what a person asks for and what a preset says. */
const bounds = z.object({
  preset: z.string().nullable(),
  epochs: z.int().min(1).max(10_000),
  batchSize: z.int().min(1).max(4096),
  optimizer,
  learningRate: z.number().positive().max(10),
  schedule,
  augmentation,
  labelSmoothing: fraction,
  classWeights: z
    .union([z.literal('BALANCED'), z.array(z.number().positive().max(1e6)).min(1).max(1000)], {
      error: 'From 1 to 1000 numbers above 0, and none above 1000000',
    })
    .nullable(),
  logEvery: z.int().min(1).max(100_000),
  trainLimit: z.int().min(1).nullable(),
  testLimit: z.int().min(1).nullable(),
  normalization: z.object({ mean: channels, std: channels }),
  earlyStopping: z
    .object({
      metric: z.enum(EARLY_STOPPING_METRICS),
      patience: z.int().min(1).max(10_000),
      minDelta: z.number().min(0).max(1000),
    })
    .nullable(),
  onNonFinite: z.enum(ON_NON_FINITE),
})
export const hyperparameters: z.ZodType<Hyperparameters> = bounds
/** The ones that may change while a run is under way. */
export const changeable = bounds
  .pick({ epochs: true, learningRate: true, schedule: true })
  .partial()
  .extend({ continueFromLastRate: z.literal(true).optional() })

const HALF: [number, number, number] = [0.5, 0.5, 0.5]

/** The origin's recipe, value for value: design.md, section 1. */
const lecture: Hyperparameters = {
  preset: 'lecture',
  epochs: 50,
  batchSize: 512,
  optimizer: { kind: 'sgd', momentum: 0.9, nesterov: false, weightDecay: 0 },
  learningRate: 0.005,
  // Its scheduler is called before an epoch's steps, so the first epoch already counts as one: offset 1.
  schedule: { kind: 'step', epochs: 5, gamma: 0.9, offset: 1 },
  augmentation: NO_AUGMENTATION,
  labelSmoothing: 0,
  classWeights: null,
  logEvery: 30,
  trainLimit: null,
  testLimit: null,
  normalization: { mean: HALF, std: HALF },
  earlyStopping: null,
  onNonFinite: 'FAIL',
}

/** What a run gets when nothing is asked for, its data set's normalisation, and a one-cycle schedule with flips and crops. */
const standard: Omit<Hyperparameters, 'normalization'> = {
  preset: null,
  epochs: 10,
  batchSize: 128,
  optimizer: { kind: 'sgd', momentum: 0.9, nesterov: true, weightDecay: 5e-4 },
  learningRate: 0.1,
  schedule: { kind: 'oneCycle', ...SCHEDULE_DEFAULTS.oneCycle },
  augmentation: { ...NO_AUGMENTATION, horizontalFlip: true, cropPadding: 4 },
  labelSmoothing: 0,
  classWeights: null,
  logEvery: 10,
  trainLimit: null,
  testLimit: null,
  earlyStopping: null,
  onNonFinite: 'FAIL',
}

/** Without batch norm a deep VGG diverges at rates that suit one with it. */
const WITHOUT_BATCH_NORM: Partial<Hyperparameters> = { learningRate: 0.02 }

export const LECTURE_SEED = 777
export const PRESETS: Readonly<Record<string, { hyperparameters: Hyperparameters; seed: number }>> = {
  lecture: { hyperparameters: lecture, seed: LECTURE_SEED },
}

export interface Issue {
  path: string[]
  message: string
}

/** What a person may set; what is left out comes from the preset, or else from the standard recipe. */
export type HyperparametersInput = Partial<Omit<Hyperparameters, 'preset' | 'schedule' | 'normalization'>> & {
  preset?: string
  schedule?: z.input<typeof schedule>
}

/**
 * Fills in defaults and checks every bound. Issues name the input's own fields.
 * @param normalization  of the data set; a preset may have its own
 */
export function resolveHyperparameters(
  input: HyperparametersInput,
  batchNorm: boolean,
  normalization: Normalization,
): { hyperparameters: Hyperparameters } | { issues: Issue[] } {
  const { preset, ...asked } = input
  if (preset !== undefined && !Object.hasOwn(PRESETS, preset)) {
    const known = Object.keys(PRESETS).join(', ')
    return { issues: [{ path: ['preset'], message: `There is no preset "${preset}". Known: ${known}.` }] }
  }
  const base =
    preset === undefined
      ? { ...standard, ...(batchNorm ? {} : WITHOUT_BATCH_NORM), normalization }
      : PRESETS[preset].hyperparameters
  const result = hyperparameters.safeParse({ ...base, ...withoutUndefined(asked) })
  if (result.success) return { hyperparameters: result.data }
  return {
    issues: result.error.issues.map(({ path, message }) => ({ path: inputPath(path, asked), message })),
  }
}

/** Checks the bounds of an augmentation; issues name its fields. */
export function checkAugmentation(it: Augmentation): Issue[] {
  const { error } = augmentation.safeParse(it)
  return error?.issues.map(({ path, message }) => ({ path: path.map(String), message })) ?? []
}

export type ChangeInput = Pick<HyperparametersInput, 'epochs' | 'learningRate' | 'schedule'> & {
  continueFromLastRate?: boolean
}

/** New values for a run that is under way, checked; issues name the input's own fields. */
export function resolveChange({
  continueFromLastRate,
  ...asked
}: ChangeInput): { values: z.output<typeof changeable> } | { issues: Issue[] } {
  const changed = withoutUndefined(asked)
  if (Object.keys(changed).length === 0) {
    return { issues: [{ path: [], message: 'Say what to change: epochs, learningRate or schedule.' }] }
  }
  if (continueFromLastRate && changed.learningRate !== undefined) {
    const message = 'The rate goes on from the last one, or from learningRate: leave one of them out.'
    return { issues: [{ path: ['continueFromLastRate'], message }] }
  }
  const values = continueFromLastRate ? { ...changed, continueFromLastRate } : changed
  const result = changeable.safeParse(values)
  if (result.success) return { values: result.data }
  return {
    issues: result.error.issues.map(({ path, message }) => ({ path: inputPath(path, asked), message })),
  }
}

function withoutUndefined<T extends object>(object: T): Partial<T> {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined)) as Partial<T>
}

/** Where a value stands in the API's input: what is optimizer.momentum here is optimizer { sgd { momentum } } there. */
function inputPath([field, ...rest]: PropertyKey[], asked: HyperparametersInput): string[] {
  const choice = field === 'optimizer' || field === 'schedule' ? asked[field]?.kind : undefined
  return [field, ...(choice === undefined ? [] : [choice]), ...rest].map(String)
}

/** How often the optimizer keeps something of the size of the weights. */
export function slotsOf(optimizer: Optimizer): number {
  return optimizer.kind === 'adam' ? 2 : optimizer.momentum > 0 ? 1 : 0
}
