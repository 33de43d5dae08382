import type { InputShapeFromFields } from '@pothos/core'
import { DEFAULT_DATASET } from '../../data/registry.ts'
import { ValidationError } from '../../errors.ts'
import type { TrainingMemory } from '../../runs/planning/memory.ts'
import type { ArchitecturePlan, PlanInput } from '../../runs/planning/planner.ts'
import { builder } from '../builder/builder.ts'
import { OptimizerInput, toOptimizer } from '../runs/start-training-run-input.ts'
import { FreezeInput, toFreeze } from '../runs/transfer-input.ts'
import { EngineKind } from '../system/engine.ts'
import { ArchitectureRef } from './architecture.ts'
import { ArchitectureInput, toArchitectureInput } from './architecture-input.ts'

const TrainingMemoryRef = builder.objectRef<TrainingMemory>('TrainingMemory').implement({
  description: 'Parts of the memory that a run needs at its peak, in bytes.',
  fields: (t) => ({
    process: t.exposeFloat('process', { description: 'Process by itself: Node and TensorFlow.js.' }),
    dataset: t.exposeFloat('dataset', {
      description: 'Images that stay in memory, and batches that are made ahead.',
    }),
    weights: t.exposeFloat('weights', { description: 'Weights and biases.' }),
    gradients: t.exposeFloat('gradients', { description: 'Gradients, one for each weight.' }),
    optimizer: t.exposeFloat('optimizer', {
      description: 'What the optimizer keeps: a velocity for each weight, or two means.',
    }),
    activations: t.exposeFloat('activations', {
      description: 'Results of the layers for a batch; they grow with the batch size.',
    }),
    workspace: t.exposeFloat('workspace', {
      description: 'Memory that kernels work in, and what an evaluation needs beyond a step.',
    }),
    saving: t.exposeFloat('saving', {
      description: 'Two copies of the largest tensor while weights are saved.',
    }),
  }),
})

const FrozenResultsRef = builder
  .objectRef<NonNullable<ArchitecturePlan['frozenResults']>>('FrozenResultsPlan')
  .implement({
    description: 'What keeping the results of frozen layers takes.',
    fields: (t) => ({
      bytes: t.exposeFloat('bytes', { description: 'Bytes on the disk.' }),
      seconds: t.float({
        nullable: true,
        description:
          'Estimated seconds to compute them, before the first epoch; no run waits for what an earlier one has kept. Null where `secondsPerEpoch` is.',
        resolve: (kept) => kept.seconds(),
      }),
    }),
  })

const ArchitecturePlanRef = builder.objectRef<ArchitecturePlan>('ArchitecturePlan').implement({
  description:
    'What training a network on a data set would take here, fitted to its pictures and classes as a run would be. Nothing is stored.',
  fields: (t) => ({
    architecture: t.expose('architecture', {
      type: ArchitectureRef,
      description: 'The network as it was given. The id of one that was not created leads to nothing.',
    }),
    engine: t.expose('engine', {
      type: EngineKind,
      nullable: true,
      description: 'The engine that it is planned for; null when none can run here.',
    }),
    trainingMemoryBytes: t.exposeFloat('trainingMemoryBytes', {
      description:
        "Peak memory of the run's process in bytes: the sum of `memory`. Right within 25 % on NATIVE and WASM; an estimate on other engines.",
    }),
    memory: t.expose('memory', { type: TrainingMemoryRef, description: 'Parts of the memory.' }),
    trainableParameters: t.exposeFloat('trainableParameters', {
      description: 'Number of weights that are trained: those of all layers that are not frozen.',
    }),
    fits: t.exposeBoolean('fits', {
      description: 'Whether the memory that this machine, or its container, has beside the server is enough.',
    }),
    secondsPerEpoch: t.float({
      nullable: true,
      description:
        'Estimated seconds for one epoch, the training images and one evaluation, by the speed that runs have shown on this engine: of this network, else of the one nearest in multiply-adds, whatever they learned from. Until one has, vgg_mini is trained for a moment when this is first asked, and the answer comes a second or two later. Null where no engine can train.',
      resolve: (plan) => plan.secondsPerEpoch(),
    }),
    frozenResults: t.expose('frozenResults', {
      type: FrozenResultsRef,
      nullable: true,
      description:
        'What the frozen layers make of the pictures, which is computed once before the first epoch, and kept while a run needs it. Null where nothing is frozen, pictures are changed at random, or it would be larger than 16 GiB.',
    }),
  }),
})

// One union of two fields; resultOf makes one for each field.
const PlanArchitectureResult = builder.errorUnion('PlanArchitectureResult', {
  description: 'The plan, or why the network cannot be trained.',
  types: [ArchitecturePlanRef, ValidationError],
  resolveType: () => 'ArchitecturePlan',
})

const BATCH_SIZE = 128
/** Each looks into the runs of the past. */
const COST = 20

const planArgs = builder.args((t) => ({
  dataset: t.string({
    required: true,
    defaultValue: DEFAULT_DATASET,
    description: 'Data set to learn from, by its name or a version: "pets@2".',
  }),
  batchSize: t.int({ required: true, defaultValue: BATCH_SIZE, description: 'Images in a step.' }),
  optimizer: t.field({ type: OptimizerInput, description: 'As in startTrainingRun.' }),
  freeze: t.field({
    type: FreezeInput,
    description: 'Layers that would be frozen, as in startTrainingRun: NONE when left out.',
  }),
  augmented: t.boolean({
    required: true,
    defaultValue: true,
    description:
      'Whether pictures would be changed at random. Where not, what frozen layers make of them is computed once, and is no part of the time of an epoch.',
  }),
  trainLimit: t.int({ description: 'As in startTrainingRun: all training images when left out.' }),
  testLimit: t.int({ description: 'As in startTrainingRun: all test images when left out.' }),
}))

/** What they say, beside the network. */
function planned({
  dataset,
  batchSize,
  optimizer,
  freeze,
  augmented,
  trainLimit,
  testLimit,
}: InputShapeFromFields<typeof planArgs>): PlanInput {
  return {
    dataset,
    batchSize,
    optimizer: toOptimizer(optimizer),
    freeze: toFreeze(freeze),
    isAugmented: augmented,
    trainLimit: trainLimit ?? undefined,
    testLimit: testLimit ?? undefined,
  }
}

builder.queryField('planArchitecture', (t) =>
  t.field({
    type: PlanArchitectureResult,
    authScopes: { role: 'VIEWER' },
    description:
      'What createArchitecture would make of an input, and what training it would take; nothing is stored.',
    complexity: COST,
    args: {
      input: t.arg({
        type: ArchitectureInput,
        required: true,
        description: 'The network. Its name need not be free.',
      }),
      ...planArgs,
    },
    resolve: (_root, { input, ...args }, { architectures, planner }) =>
      planner.plan(architectures.check(toArchitectureInput(input)), planned(args)),
  }),
)

builder.objectField(ArchitectureRef, 'plan', (t) =>
  t.field({
    type: PlanArchitectureResult,
    description: 'Memory and time that training it would take here.',
    complexity: COST,
    args: planArgs,
    resolve: (architecture, args, { planner }) => planner.plan(architecture, planned(args)),
  }),
)
