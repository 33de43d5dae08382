import { ENGINE_PROPERTIES, type EngineProperty, engineDifferences } from '../../engine/report.ts'
import { ConflictError, NotFoundError, OverloadedError, ValidationError } from '../../errors.ts'
import type { LossDifference } from '../../runs/reproduction/first-difference.ts'
import { MAX_VERIFIED_STEPS, type Reproduction } from '../../runs/reproduction/verifier.ts'
import { builder } from '../builder/builder.ts'
import { resultOf } from '../builder/errors.ts'
import { EnginePropertyEnum, EngineRef } from '../system/engine.ts'
import { RunAttemptRef, TrainingRunRef } from './training-run.ts'

const LossDifferenceRef = builder.objectRef<LossDifference>('LossDifference').implement({
  description: 'The first loss point that did not come again as it was.',
  fields: (t) => ({
    step: t.exposeInt('step', {
      description:
        'Step of the point. A point is the mean over `logEvery` steps: the first step that differs is this one or one of those before it, back to the point before.',
    }),
    expected: t.exposeFloat('expected', {
      nullable: true,
      description: 'Loss that the run has; null when it is not finite.',
    }),
    actual: t.exposeFloat('actual', {
      nullable: true,
      description: 'Loss that came now; null when it is not finite, or when training ended before.',
    }),
    difference: t.exposeFloat('difference', {
      nullable: true,
      description: 'actual - expected; null where one of them is.',
    }),
  }),
})

function differencesOf({ engine, attempts }: Reproduction): EngineProperty[] {
  const differing = new Set(attempts.flatMap((attempt) => engineDifferences(engine, attempt.engine)))
  return ENGINE_PROPERTIES.filter((property) => differing.has(property))
}

const ReproductionRef = builder.objectRef<Reproduction>('Reproduction').implement({
  description: 'Result of training the first steps of a run again.',
  fields: (t) => ({
    steps: t.exposeInt('steps', {
      description:
        'Number of steps that were trained and compared: those asked for, and the rest of the window of their last loss point.',
    }),
    points: t.exposeInt('points', { description: 'Number of loss points that were compared, bit by bit.' }),
    identical: t.boolean({
      description: 'Whether all losses are the same.',
      resolve: ({ firstDifference }) => firstDifference === null,
    }),
    firstDifference: t.field({
      type: LossDifferenceRef,
      nullable: true,
      description: 'First loss that differs; null when they are identical.',
      resolve: ({ firstDifference }) => firstDifference,
    }),
    engine: t.expose('engine', {
      type: EngineRef,
      description:
        'Engine that trained the steps again: of the kind that the attempt had which made the first of them.',
    }),
    attempts: t.field({
      type: [RunAttemptRef],
      description:
        'The attempts of the run that made these steps as they count, in their order, each with its engine.',
      resolve: ({ attempts }) => attempts,
    }),
    sameDevice: t.boolean({
      description:
        'Whether all of these attempts ran on this engine, with the same processor, instruction set and number of threads: if not, a difference may come from that.',
      resolve: (reproduction) => differencesOf(reproduction).length === 0,
    }),
    engineDifferences: t.field({
      type: [EnginePropertyEnum],
      description:
        'Properties in which the engine of one of these attempts was another one; empty for the same device.',
      resolve: differencesOf,
    }),
  }),
})

builder.mutationField('verifyReproduction', (t) =>
  t.field({
    type: ReproductionRef,
    authScopes: { role: 'OPERATOR' },
    changes: null,
    errors: resultOf(
      'VerifyReproduction',
      [NotFoundError, ValidationError, ConflictError, OverloadedError],
      'The comparison, or why the run cannot be trained again.',
    ),
    description:
      "Trains the first steps of a run again, from its seed or initial weights, with the changes that were made on its way, and compares every loss with the run's effective history. The run and its journal stay as they are. One is at work at a time, in a process of its own beside the runs, which are slower meanwhile. It answers when it is done: after as long as the steps took the run. Closing the HTTP request ends it.",
    complexity: 500,
    args: {
      id: t.arg.globalID({ for: TrainingRunRef, required: true, description: 'Id of the run.' }),
      steps: t.arg.int({
        required: true,
        description: `Number of steps, 1 to ${MAX_VERIFIED_STEPS}, and not more than the run has trained.`,
      }),
    },
    resolve: (_root, { id, steps }, { runs, request }) => runs.verify(id.id, steps, request?.signal),
  }),
)
